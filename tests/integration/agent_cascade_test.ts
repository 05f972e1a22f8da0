/**
 * Cascading replication with real members: a source that works, fails and comes
 * back, two sources of each other, and a member that does not stream at all.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { decodeOwnFacts, type OwnFacts } from "../../lib/ui/own_facts.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember, Section } from "../helpers/agent_member.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

unprivileged(import.meta.url, () => {
  Deno.test("cascading replication", async (t) => {
    await using cluster = await AgentCluster.running({
      dcs: "etcd",
      bootstrapDcs: { loop_wait: 1, member_slots_ttl: "3s" },
      change: (config, { name }) =>
        name === "n3" ? { ...config, tags: { replicatefrom: "n2" } } : config,
    });
    await fromSource(t, cluster);
    await restarts(t, cluster);
    await sourceFails(t, cluster);
    await loop(t, cluster);
    await withoutStream(t, cluster);
  });
});

async function fromSource(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(
    t,
    "a member streams from the one that its tag names",
    async () => {
      await untilStreaming(cluster, { n1: ["n2"], n2: ["n3"], n3: [] });
    },
  );
  await step(t, "people who look see that, and each node of etcd", async () => {
    for (const [name, source] of [["n2", "n1"], ["n3", "n2"]] as const) {
      const { host, port, isStreaming } = (await factsOf(cluster, name))
        .upstream ?? {};
      const wanted = cluster.member(source).place.postgresPort;
      assert.deepEqual([host, port, isStreaming], ["127.0.0.1", wanted, true]);
    }
    const nodes = (await factsOf(cluster, "n1")).store?.nodes ?? [];
    const hosts = cluster.etcd?.endpoints.map((url) => new URL(url).host);
    assert.deepEqual(nodes.map(({ address }) => address), hosts);
    assert.equal(nodes.filter(({ isLeader }) => isLeader).length, 1);
    assert.ok(nodes.every(({ answerMs }) => answerMs !== null));
  });
  await step(t, "the leader moves the slot that nobody uses", async () => {
    const leader = cluster.member("n1");
    await leader.sql("CREATE TABLE t AS SELECT 1 AS id");
    const [row] = await leader.sql("SELECT pg_current_wal_lsn()::text AS lsn");
    const lsn = String(row?.["lsn"]);
    for (const name of ["n1", "n2"]) {
      await cluster.until(`${name} has n3's slot beyond ${lsn}`, async () => {
        const slots = await cluster.member(name).sql(
          `SELECT active FROM pg_replication_slots
           WHERE slot_name = 'n3' AND restart_lsn >= '${lsn}'`,
        );
        return slots[0]?.["active"] === (name === "n2");
      });
    }
  });
}

/** What a member tells the cluster page, once a cycle has seen it stream. */
async function factsOf(
  cluster: AgentCluster,
  name: string,
): Promise<OwnFacts> {
  return await cluster.until(`${name} tells what it is`, async () => {
    const { text } = await cluster.member(name).rest("/ui/facts");
    const facts = decodeOwnFacts(text);
    const isWhole = name === "n1" || facts?.upstream?.isStreaming === true;
    return isWhole ? facts : null;
  });
}

async function restarts(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a restart keeps the source", async () => {
    const member = cluster.member("n3");
    const mark = member.log().length;
    const { status, text } = await member.rest("/restart", { method: "POST" });
    assert.equal(status, 200, text);
    await untilStreaming(cluster, { n1: ["n2"], n2: ["n3"], n3: [] });
    assert.doesNotMatch(member.log().slice(mark), /following new leader/);
  });
}

async function sourceFails(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a source that is gone is replaced by the leader", async () => {
    const source = cluster.member("n2");
    await source.killAll();
    await cluster.withDcs(async (dcs) => {
      await dcs.write({
        when: [],
        edits: [{ kind: "delete", key: "members/n2" }],
      }, { timeoutMs: 5_000 });
    });
    await untilStreaming(cluster, { n1: ["n3"] });
  });
  await step(t, "and taken again when it is back", async () => {
    cluster.member("n2").start();
    await untilStreaming(cluster, { n1: ["n2"], n2: ["n3"] });
  });
  await step(t, "a source that leads serves its member as well", async () => {
    const { status, text } = await cluster.member("n1").rest("/switchover", {
      method: "POST",
      body: { leader: "n1", candidate: "n2" },
    });
    assert.equal(status, 200, text);
    await untilStreaming(cluster, { n2: ["n1", "n3"], n1: [], n3: [] });
  });
}

async function loop(t: Deno.TestContext, cluster: AgentCluster): Promise<void> {
  await step(t, "two sources of each other follow the leader", async () => {
    await retag(cluster.member("n1"), { replicatefrom: "n3" });
    await retag(cluster.member("n3"), { replicatefrom: "n1" });
    await cluster.until("both tags are published", async () => {
      const keys = await cluster.keys();
      return /"replicatefrom":"n3"/.test(keys["members/n1"] ?? "") &&
        /"replicatefrom":"n1"/.test(keys["members/n3"] ?? "");
    });
    await untilStreaming(cluster, { n2: ["n1", "n3"], n1: [], n3: [] });
  });
}

async function withoutStream(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a nostream member has neither stream nor slot", async () => {
    await retag(cluster.member("n1"), { nostream: true });
    await retag(cluster.member("n3"), {});
    await untilStreaming(cluster, { n2: ["n3"] });
    await cluster.until("the leader has no slot for it", async () => {
      const slots = await cluster.member("n2").sql(
        "SELECT slot_name FROM pg_replication_slots ORDER BY 1",
      );
      return slots.map((row) => row["slot_name"]).join() === "n3";
    });
    const [row] = await cluster.member("n1").sql("SHOW primary_conninfo");
    assert.equal(row?.["primary_conninfo"], "");
    const status = await cluster.member("n1").status();
    assert.equal(status?.["state"], "running");
    assert.equal(status["role"], "replica");
  });
}

/** Waits until each named member streams to exactly these. */
async function untilStreaming(
  cluster: AgentCluster,
  wanted: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  await cluster.until(`streams are ${JSON.stringify(wanted)}`, async () => {
    const looks = Object.entries(wanted).map(async ([name, names]) => {
      const rows = await cluster.member(name).sql(
        `SELECT application_name AS name FROM pg_stat_replication
         WHERE state = 'streaming' ORDER BY 1`,
      );
      return rows.map((row) => row["name"]).join() === names.join();
    });
    return !(await Promise.all(looks)).includes(false);
  });
}

async function retag(member: AgentMember, tags: Section): Promise<void> {
  member.config = { ...member.config, tags };
  member.writeConfig();
  const { status, text } = await member.rest("/reload", { method: "POST" });
  assert.equal(status, 202, text);
}
