/**
 * Members that cannot join a living scope: a second one of the same name, and
 * one whose clone fails. The living ones notice nothing.
 */
import assert from "node:assert/strict";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import {
  AgentMember,
  connectTo,
  memberConfig,
} from "../helpers/agent_member.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

unprivileged(import.meta.url, () => {
  Deno.test("members that cannot join a living scope", async (t) => {
    await using cluster = await AgentCluster.create({
      members: 3,
      hasProxies: true,
    });
    const leader = cluster.member("n1");
    leader.start();
    await cluster.untilLeader();
    await secondStart(t, cluster);
    await namesake(t, cluster);
    await failingClone(t, cluster);
  });
});

async function secondStart(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a second start of the same file is refused", async () => {
    const leader = cluster.member("n1");
    const session = connectTo(leader.place.proxyPorts?.primary ?? 0);
    try {
      const before = await pidOf(session);
      const proxy = leader.proxyPid();
      const second = new AgentMember(leader.place, leader.config);
      second.start();
      assert.deepEqual(await second.ended(), { code: 1, signal: null });
      assert.match(
        second.log(),
        / CRITICAL: Can't start; there is already a node named 'n1' running$/m,
      );
      assert.equal((await cluster.untilLeader()).name, "n1");
      assert.equal(leader.proxyPid(), proxy);
      assert.equal(await pidOf(session), before);
      const stats = leader.place.proxyPorts?.stats;
      const response = await fetch(`http://127.0.0.1:${stats}/stats`);
      const { state, agent } = await response.json();
      assert.deepEqual([state, agent.pid, agent.isConnected], [
        "running",
        leader.pid,
        true,
      ]);
    } finally {
      await session.end({ timeout: 1 });
    }
  });
}

async function namesake(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "another member of the same name is refused", async () => {
    const { place, config } = cluster.member("n3");
    const second = new AgentMember(place, { ...config, name: "n1" });
    const key = (await cluster.keys())["members/n1"];
    second.start();
    assert.deepEqual(await second.ended(), { code: 1, signal: null });
    assert.match(
      second.log(),
      / CRITICAL: Can't start; there is already a node named 'n1' running$/m,
    );
    assert.equal(JSON.parse(key ?? "{}").conn_url, urlOf(cluster, "n1"));
    assert.deepEqual(second.otherFiles(), []);
    assert.equal(second.proxyPid(), null);
  });
}

async function failingClone(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const replica = cluster.member("n2");
  const good = replica.config;
  await step(t, "a clone that fails is tried again, in peace", async () => {
    const section = sectionOf(good, "postgresql");
    const authentication = {
      ...sectionOf(section, "authentication"),
      replication: { username: "replicator", password: "wrong" },
    };
    replica.config = { ...good, postgresql: { ...section, authentication } };
    replica.start();
    await cluster.until("it failed twice and waits", () => {
      const failures = replica.log().match(/ERROR: Task clone failed: .*/g);
      return Promise.resolve(
        (failures?.length ?? 0) >= 2 &&
          /waiting before clone is tried again/.test(replica.log()),
      );
    });
    assert.match(
      replica.log(),
      /ERROR: Task clone failed: .*password authentication failed/,
    );
    assert.deepEqual(
      replica.otherFiles()
        .filter((name) => !/^(pgpass|data)$/.test(name)),
      [],
    );
    assert.equal(await isAbsentOrEmpty(replica.dataDir), true);
  });
  await step(t, "with the right password it joins", async () => {
    replica.config = good;
    replica.writeConfig();
    replica.signal("SIGHUP");
    await cluster.until(
      "n2 streams",
      async () =>
        (await cluster.list()).some(({ name, state }) =>
          name === "n2" && state === "streaming"
        ),
    );
  });
}

async function isAbsentOrEmpty(directory: string): Promise<boolean> {
  try {
    return (await Array.fromAsync(Deno.readDir(directory))).length === 0;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}

function urlOf(cluster: AgentCluster, name: string): string {
  const { listen } = sectionOf(
    memberConfig(cluster.member(name).place),
    "postgresql",
  );
  return `postgres://${listen}/postgres`;
}

async function pidOf(session: ReturnType<typeof connectTo>): Promise<unknown> {
  const [row] = await session.unsafe("SELECT pg_backend_pid() AS pid");
  return row?.["pid"];
}
