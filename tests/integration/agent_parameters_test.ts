/**
 * Settings of which a standby must have as much as its primary, in the wrong
 * order; crashes that are answered by a failover; members that do not stream.
 */
import assert from "node:assert/strict";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type {
  AgentMember,
  MemberPlace,
  Section,
} from "../helpers/agent_member.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

unprivileged(import.meta.url, () => {
  Deno.test("settings of hot standbys and crashes", async (t) => {
    await using cluster = await AgentCluster.running({ members: 2 });
    await raised(t, cluster);
    await lowered(t, cluster);
    await crash(t, cluster);
  });

  Deno.test("primary_stop_timeout ends a stop that hangs", async () => {
    await using cluster = await AgentCluster.running({
      members: 2,
      bootstrapDcs: { synchronous_mode: true, primary_stop_timeout: 2 },
      change: withStuckArchive,
    });
    await cluster.until("n2 is synchronous", async () => {
      const sync = await cluster.key("sync");
      return JSON.stringify(sync).includes('"sync_standby":"n2"');
    });
    const leader = cluster.member("n1");
    await leader.sql("SELECT pg_switch_wal()");
    const { status, text } = await leader.rest("/switchover", {
      method: "POST",
      body: { leader: "n1", candidate: "n2" },
    });
    assert.equal(status, 200, text);
    assert.equal((await cluster.untilWhole()).name, "n2");
    assert.match(leader.log(), /Stop takes too long: going on with immediate/);
  });

  Deno.test("a nostream member follows nobody", async () => {
    await using cluster = await AgentCluster.create({
      members: 2,
      change: (config, { name }) => ({
        ...config,
        tags: name === "n2" ? { nostream: true } : {},
      }),
    });
    const [first, second] = [cluster.member("n1"), cluster.member("n2")];
    first.start();
    await cluster.untilLeader(["n1"]);
    second.start();
    await cluster.until("n2 is well", async () => {
      const status = await second.status();
      return status?.["role"] === "replica" && status["state"] === "running" &&
        /following a leader/.test(second.log());
    });
    const [row] = await second.sql("SHOW primary_conninfo");
    assert.equal(row?.["primary_conninfo"], "");
    const senders = await first.sql("SELECT pid FROM pg_stat_replication");
    assert.equal(senders.length, 0);
  });
});

/** An archive that never takes a file keeps a server from stopping. */
function withStuckArchive(
  config: Section,
  { directory }: MemberPlace,
): Section {
  const postgresql = sectionOf(config, "postgresql");
  return {
    ...config,
    postgresql: {
      ...postgresql,
      parameters: {
        ...sectionOf(postgresql, "parameters"),
        archive_mode: "on",
        archive_command: `while :; do sleep 1; done; : ${directory}`,
      },
    },
  };
}

async function setConnections(
  cluster: AgentCluster,
  count: number,
): Promise<void> {
  const { status } = await cluster.member("n1").rest("/config", {
    method: "PATCH",
    body: { postgresql: { parameters: { max_connections: count } } },
  });
  assert.equal(status, 200);
  for (const member of cluster.members) {
    await cluster.until(
      `${member.name} waits for a restart`,
      async () => (await member.status())?.["pending_restart"] === true,
    );
  }
}

async function restart(member: AgentMember): Promise<void> {
  const answer = await member.rest("/restart", { method: "POST" });
  assert.equal(answer.status, 200, answer.text);
}

async function connections(member: AgentMember): Promise<unknown> {
  const [row] = await member.sql("SHOW max_connections");
  return row?.["max_connections"];
}

async function raised(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a standby follows its primary's raise by itself", async () => {
    await setConnections(cluster, 40);
    await restart(cluster.member("n1"));
    assert.equal(await connections(cluster.member("n1")), "40");
    await cluster.until(
      "n2 has as many",
      async () => await connections(cluster.member("n2")) === "40",
    );
    assert.match(
      cluster.member("n2").log(),
      /replay waits for larger settings/,
    );
    await cluster.untilWhole();
  });
}

async function lowered(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const [first, second] = [cluster.member("n1"), cluster.member("n2")];
  await step(t, "a standby keeps what its primary still has", async () => {
    await setConnections(cluster, 30);
    await restart(second);
    assert.equal(await connections(second), "40");
    await cluster.until(
      "the lower value still waits",
      async () => (await second.status())?.["pending_restart"] === true,
    );
  });
  await step(t, "and takes the lower one after it", async () => {
    await restart(first);
    assert.equal(await connections(first), "30");
    await cluster.untilWhole();
    await restart(second);
    assert.equal(await connections(second), "30");
    await cluster.untilWhole();
  });
}

async function crash(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(
    t,
    "with primary_start_timeout 0 a crash is a failover",
    async () => {
      const { status } = await cluster.member("n1").rest("/config", {
        method: "PATCH",
        body: { primary_start_timeout: 0 },
      });
      assert.equal(status, 200);
      const config = sectionOf(
        { config: await cluster.key("config") },
        "config",
      );
      assert.equal(config["primary_start_timeout"], 0);
      const leader = await cluster.untilWhole();
      const [other] = cluster.others(leader.name);
      assert.ok(other !== undefined);
      // The leader has taken the change over when it has looked once more.
      const logged = leader.log().length;
      await cluster.until("it looked", () =>
        Promise.resolve(
          /no action/.test(leader.log().slice(logged)),
        ));
      leader.killPostmaster();
      assert.equal((await cluster.untilLeader([other.name])).name, other.name);
      assert.equal((await cluster.untilWhole()).name, other.name);
      assert.doesNotMatch(leader.log(), /starting primary after failure/);
    },
  );
}
