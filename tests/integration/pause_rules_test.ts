/**
 * More of the pause: an outage of the store, schedules, copies on request, and
 * what happens to two primaries after people promoted one by hand.
 */
import assert from "node:assert/strict";
import { AgentCluster, QUICK_TIMES } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { etcdSkipReason } from "../helpers/etcd.ts";
import { BIN_DIR } from "../helpers/postgres.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const TTL_MS = QUICK_TIMES.ttl * 1_000;

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "the rules of the pause",
    ignore: etcdSkipReason() !== null,
    fn: async (t) => {
      await using cluster = await AgentCluster.running({
        dcs: "etcd",
        isQuick: true,
      });
      await setPause(cluster, true);
      await schedules(t, cluster);
      await outage(t, cluster);
      await copies(t, cluster);
      await byHand(t, cluster);
    },
  });
});

async function setPause(cluster: AgentCluster, isOn: boolean): Promise<void> {
  const { status } = await cluster.member("n3").rest("/config", {
    method: "PATCH",
    body: { pause: isOn ? true : null },
  });
  assert.equal(status, 200);
  for (const { name } of cluster.members) {
    await cluster.until(`${name} knows of the pause`, async () => {
      const key = JSON.stringify(await cluster.key(`members/${name}`));
      return /"pause":true/.test(key) === isOn;
    });
  }
}

async function schedules(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "nothing can be scheduled", async () => {
    const at = new Date(Date.now() + 600_000).toISOString();
    const switchover = await cluster.member("n1").rest("/switchover", {
      method: "POST",
      body: { leader: "n1", candidate: "n2", scheduled_at: at },
    });
    assert.deepEqual(switchover, {
      status: 400,
      text: "Can't schedule switchover in the paused state",
    });
    const restart = await cluster.member("n2").rest("/restart", {
      method: "POST",
      body: { schedule: at },
    });
    // Patroni's own code for it. Source: docs/contract/rest-api.md 10.
    assert.deepEqual(restart, {
      status: 500,
      text: "Can't schedule restart in the paused state",
    });
  });
}

async function outage(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "an outage of the store changes nothing", async () => {
    const pids = cluster.members.map((member) => member.postmasterPid());
    cluster.etcd?.freeze();
    const since = performance.now();
    try {
      await cluster.until("longer than the lease", async () => {
        await cluster.member("n1").sql("SELECT txid_current()");
        return performance.now() - since > TTL_MS + 5_000;
      });
    } finally {
      cluster.etcd?.thaw();
    }
    assert.equal((await cluster.untilWhole()).name, "n1");
    assert.deepEqual(cluster.members.map((m) => m.postmasterPid()), pids);
    assert.equal((await cluster.member("n1").status())?.["timeline"], 1);
  });
}

async function copies(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a member is copied anew on request", async () => {
    const member = cluster.member("n3");
    const pid = member.postmasterPid();
    const { status, text } = await member.rest("/reinitialize", {
      method: "POST",
      body: {},
    });
    assert.equal(status, 200, text);
    await cluster.until(
      "another server runs",
      () => Promise.resolve(![null, pid].includes(member.postmasterPid())),
    );
    assert.equal((await cluster.untilWhole()).name, "n1");
  });
}

async function byHand(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const [old, next] = [cluster.member("n1"), cluster.member("n2")];
  await step(t, "a replica promoted by hand takes the free key", async () => {
    await old.end("SIGKILL");
    await promote(next);
    await cluster.expireLeader();
    await cluster.untilLeader(["n2"]);
    old.start();
    await cluster.until("n1 is left alone", () =>
      Promise.resolve(
        /continue to run as primary without lock/.test(old.log()),
      ));
    assert.notEqual(old.postmasterPid(), null);
  });
  await step(t, "the old primary does not take it from there", async () => {
    await next.end("SIGKILL");
    await cluster.expireLeader();
    await cluster.until("n1 says why", () =>
      Promise.resolve(
        /My timeline is behind last known cluster timeline/.test(old.log()),
      ));
    assert.equal((await cluster.keys())["leader"], undefined);
    next.start();
    await cluster.untilLeader(["n2"]);
  });
  await step(t, "after the pause it follows", async () => {
    await setPause(cluster, false);
    assert.equal((await cluster.untilWhole()).name, "n2");
    assert.match(old.log(), /Demoting self \(immediate-nolock\)/);
  });
}

async function promote(member: AgentMember): Promise<void> {
  const { code } = await new Deno.Command(`${BIN_DIR}/pg_ctl`, {
    args: ["promote", "-w", "-D", member.dataDir],
    stdout: "null",
  }).output();
  assert.equal(code, 0);
}
