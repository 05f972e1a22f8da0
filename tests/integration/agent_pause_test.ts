/**
 * Maintenance mode on real members: nothing is started, stopped or promoted by
 * itself; what people ask for still happens.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { Receiver } from "../helpers/receiver.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { BIN_DIR } from "../helpers/postgres.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

unprivileged(import.meta.url, () => {
  Deno.test("in pause people decide", async (t) => {
    await using receiver = new Receiver();
    await using cluster = await AgentCluster.running({
      change: (config) => ({ ...config, notify: [{ url: receiver.url }] }),
    });
    await pause(cluster, true);
    await agentStop(t, cluster);
    await stoppedReplica(t, cluster);
    await freeKey(t, cluster);
    await switchover(t, cluster);
    await stoppedLeader(t, cluster);
    await step(t, "people were told that nobody leads", async () => {
      await cluster.until(
        "that was told",
        () => Promise.resolve(receiver.types.includes("leader_missing")),
      );
      const told = receiver.got.map(({ document }) => document)
        .find(({ type }) => type === "leader_missing");
      assert.equal(told?.["text"], "Nobody leads since n2 does not");
      assert.equal(Object(told?.["data"])["before"], "n2");
    });
    await step(t, "after the pause all heals", async () => {
      await pause(cluster, false);
      await cluster.untilWhole();
    });
  });
});

/** Sets or ends the pause and waits until every member knows it. */
async function pause(cluster: AgentCluster, isPaused: boolean): Promise<void> {
  const { status } = await cluster.member("n1").rest("/config", {
    method: "PATCH",
    body: { pause: isPaused ? true : null },
  });
  assert.equal(status, 200);
  for (const { name } of cluster.members) {
    await cluster.until(`${name} knows`, async () => {
      const key = await cluster.key(`members/${name}`);
      return /"pause":true/.test(JSON.stringify(key)) === isPaused;
    });
  }
}

async function agentStop(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "an agent that ends leaves PostgreSQL running", async () => {
    const leader = cluster.member("n1");
    const pid = leader.postmasterPid();
    assert.deepEqual(await leader.end(), { code: 0, signal: null });
    assert.equal(leader.postmasterPid(), pid);
    assert.equal((await cluster.keys())["leader"], "n1");
    leader.start();
    assert.equal((await cluster.untilWhole()).name, "n1");
    assert.equal(leader.postmasterPid(), pid);
    assert.match(leader.log(), /Postgresql is not stopped due paused state/);
  });
}

async function stoppedReplica(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(
    t,
    "a stopped replica stays down, a restart starts it",
    async () => {
      const member = cluster.member("n3");
      await stop(member);
      await cluster.until(
        "n3 says so",
        () =>
          Promise.resolve(/PAUSE: postgres is not running/.test(member.log())),
      );
      assert.equal(member.postmasterPid(), null);
      const { status, text } = await member.rest("/restart", {
        method: "POST",
      });
      assert.deepEqual({ status, text }, {
        status: 200,
        text: "restarted successfully",
      });
      assert.equal((await cluster.untilWhole()).name, "n1");
    },
  );
}

async function freeKey(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a primary takes the free key again", async () => {
    await cluster.expireLeader();
    assert.equal((await cluster.untilWhole()).name, "n1");
    assert.equal((await cluster.member("n1").status())?.["timeline"], 1);
  });
  await step(t, "a primary without the key is left alone", async () => {
    const pid = cluster.member("n1").postmasterPid();
    await cluster.put("leader", "n9");
    await cluster.until(
      "n1 says so",
      () =>
        Promise.resolve(
          /continue to run as primary without lock/.test(
            cluster.member("n1").log(),
          ),
        ),
    );
    assert.equal(cluster.member("n1").postmasterPid(), pid);
    await cluster.expireLeader();
    assert.equal((await cluster.untilWhole()).name, "n1");
  });
}

async function switchover(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a switchover needs a candidate", async () => {
    const refused = await cluster.member("n1").rest("/switchover", {
      method: "POST",
      body: { leader: "n1" },
    });
    assert.equal(refused.status, 400, refused.text);
    const { status, text } = await cluster.member("n1").rest("/switchover", {
      method: "POST",
      body: { leader: "n1", candidate: "n2" },
    });
    assert.equal(status, 200, text);
    assert.equal((await cluster.untilWhole()).name, "n2");
  });
}

async function stoppedLeader(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(
    t,
    "a stopped leader gives the key away, nobody takes it",
    async () => {
      const leader = cluster.member("n2");
      await stop(leader);
      await cluster.until(
        "the key is free",
        async () => (await cluster.keys())["leader"] === undefined,
      );
      for (const member of cluster.others("n2")) {
        const logged = member.log().length;
        await cluster.until(`${member.name} looks and waits`, () => {
          const news = member.log().slice(logged);
          return Promise.resolve(/PAUSE: no action in pause/.test(news));
        });
        assert.doesNotMatch(member.log().slice(logged), /promoted self/);
      }
      assert.equal(leader.postmasterPid(), null);
      assert.equal((await cluster.keys())["leader"], undefined);
    },
  );
}

/** As an administrator stops it, without the agent. */
async function stop(member: AgentMember): Promise<void> {
  const { code } = await new Deno.Command(`${BIN_DIR}/pg_ctl`, {
    args: ["stop", "-w", "-m", "fast", "-D", member.dataDir],
    stdout: "null",
  }).output();
  assert.equal(code, 0);
}
