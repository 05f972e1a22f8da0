/**
 * Restarts that people ask for: with conditions, for later, and of a replica
 * that commits wait for.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

unprivileged(import.meta.url, () => {
  Deno.test("restarts on request", async (t) => {
    await using cluster = await AgentCluster.running();
    await conditions(t, cluster);
    await schedule(t, cluster);
    await synchronousReplica(t, cluster);
  });
});

async function conditions(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(
    t,
    "conditions that do not hold leave the server alone",
    async () => {
      const member = cluster.member("n2");
      const pid = member.postmasterPid();
      const cases = [
        { role: "primary" },
        { postgres_version: "13.0" },
        { restart_pending: true },
      ];
      for (const body of cases) {
        const answer = await member.rest("/restart", { method: "POST", body });
        assert.deepEqual(answer, {
          status: 503,
          text: "restart conditions are not satisfied",
        });
      }
      assert.equal(member.postmasterPid(), pid);
    },
  );
  await step(t, "a pending restart is a condition that holds", async () => {
    const { status } = await cluster.member("n1").rest("/config", {
      method: "PATCH",
      body: { postgresql: { parameters: { max_connections: 33 } } },
    });
    assert.equal(status, 200);
    for (const member of [...cluster.members].reverse()) {
      await cluster.until(
        `${member.name} has a pending restart`,
        async () => (await member.status())?.["pending_restart"] === true,
      );
    }
    const pids = cluster.members.map((member) => member.postmasterPid());
    // The primary first: a standby must not have less than its primary.
    for (const [index, member] of cluster.members.entries()) {
      const answer = await member.rest("/restart", {
        method: "POST",
        body: { restart_pending: true },
      });
      // A replica that cannot replay any more restarts without being asked (R725).
      if (member.name === "n1") assert.equal(answer.status, 200, answer.text);
      await cluster.until(`${member.name} has the new value`, async () => {
        const [row] = await member.sql("SHOW max_connections");
        return row?.["max_connections"] === "33";
      });
      assert.notEqual(member.postmasterPid(), pids[index]);
    }
    assert.equal((await cluster.untilWhole()).name, "n1");
  });
}

async function schedule(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const member = cluster.member("n2");
  await step(
    t,
    "a schedule is kept, shown and dropped on request",
    async () => {
      const later = await ask(member, 3_600_000);
      assert.deepEqual(later, { status: 202, text: "Restart scheduled" });
      const again = await ask(member, 3_600_000);
      assert.equal(again.status, 409, again.text);
      await cluster.until("it is published", async () => {
        const key = JSON.stringify(await cluster.key("members/n2"));
        return /"scheduled_restart":\{"role":"replica","schedule":/.test(key) &&
          /"postmaster_start_time":/.test(key);
      });
      const status = await member.status();
      assert.match(
        JSON.stringify(status?.["scheduled_restart"]),
        /^\{"role":"replica","schedule":"[^"]+"\}$/,
      );
      const dropped = await member.rest("/restart", { method: "DELETE" });
      assert.equal(dropped.status, 200);
      const none = await member.rest("/restart", { method: "DELETE" });
      assert.equal(none.status, 404);
    },
  );
  await step(t, "it happens at its time", async () => {
    const pid = member.postmasterPid();
    assert.equal((await ask(member, 2_500)).status, 202);
    await cluster.until(
      "another postmaster runs",
      () => Promise.resolve(![null, pid].includes(member.postmasterPid())),
    );
    await cluster.until(
      "the schedule is gone",
      async () =>
        !JSON.stringify(await cluster.key("members/n2")).includes("schedule"),
    );
    await cluster.untilWhole();
  });
  await step(t, "a restart in between makes it void", async () => {
    assert.equal((await ask(member, 3_600_000)).status, 202);
    const { status } = await member.rest("/restart", { method: "POST" });
    assert.equal(status, 200);
    await cluster.until(
      "the schedule is gone",
      async () => (await member.status())?.["scheduled_restart"] === undefined,
    );
    assert.match(member.log(), /postmaster start time has changed/);
  });
}

async function ask(member: AgentMember, inMs: number) {
  const schedule = new Date(Date.now() + inMs).toISOString();
  return await member.rest("/restart", {
    method: "POST",
    body: { schedule, role: "replica" },
  });
}

async function synchronousReplica(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a synchronous replica gives its duty back first", async () => {
    const { status } = await cluster.member("n1").rest("/config", {
      method: "PATCH",
      body: { synchronous_mode: true },
    });
    assert.equal(status, 200);
    const name = await cluster.until("a replica is synchronous", async () => {
      const sync = await cluster.key("sync");
      return /"sync_standby":"(n\d)"/.exec(JSON.stringify(sync))?.[1] ?? null;
    });
    const member = cluster.member(name);
    const answer = await member.rest("/restart", { method: "POST" });
    assert.equal(answer.status, 200, answer.text);
    assert.match(member.log(), /Waiting for primary to release us/);
    assert.doesNotMatch(member.log(), /still waits for this replica/);
    await cluster.until("it says so no longer", async () => {
      const key = await cluster.key(`members/${name}`);
      return !JSON.stringify(key).includes("nosync");
    });
  });
  await step(t, "also when its agent ends", async () => {
    const name = await cluster.until("a replica is synchronous", async () => {
      const sync = await cluster.key("sync");
      return /"sync_standby":"(n\d)"/.exec(JSON.stringify(sync))?.[1] ?? null;
    });
    const member = cluster.member(name);
    const logged = member.log().length;
    await member.end();
    const news = member.log().slice(logged);
    assert.match(news, /Waiting for primary to release us/);
    assert.doesNotMatch(news, /still waits for this replica/);
    assert.equal(member.postmasterPid(), null);
    member.start();
    assert.equal((await cluster.untilWhole()).name, "n1");
  });
}
