/**
 * A scope with members of both kinds on one store, and what is done to it in
 * every mode: planned changes of leader, a killed leader, a real divergence.
 */
import assert from "node:assert/strict";
import { AgentCluster, type ClusterOptions } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember, Section } from "../helpers/agent_member.ts";
import { signalTo } from "../helpers/own_processes.ts";
import { WritableWatch } from "../helpers/writable_watch.ts";
import { type Kind, kindOf, setKind } from "./programs.ts";

/** Starts members n1, n2 ... of these kinds; n1 leads first. */
export async function mixedCluster(
  kinds: readonly Kind[],
  bootstrapDcs: Section = {},
  store: Pick<ClusterOptions, "dcs" | "store"> = { dcs: "etcd" },
): Promise<AgentCluster> {
  const members = kinds.length;
  const cluster = await AgentCluster.create({
    ...store,
    members,
    bootstrapDcs,
  });
  try {
    cluster.members.forEach((member, at) => {
      setKind(member, kinds[at] ?? "matriarch");
    });
    await cluster.startAll();
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

/** What a scene plays with. */
export interface Scene {
  readonly t: Deno.TestContext;
  readonly cluster: AgentCluster;
  /** Of the checks' names. */
  readonly mode: "async" | "sync" | "quorum";
}

/** `n1 (Patroni)`. */
export function named(member: AgentMember): string {
  const kind = kindOf(member) === "patroni" ? "Patroni" : "ours";
  return `${member.name} (${kind})`;
}

/** Switches over through the leader's REST API, and waits until all is well. */
export async function switchOver(
  scene: Scene,
  from: AgentMember,
  to: AgentMember,
): Promise<void> {
  const { t, cluster, mode } = scene;
  const name = `${mode}: switchover ${named(from)} to ${named(to)}`;
  await step(t, name, async () => {
    await cluster.untilWhole();
    await untilInSync(scene, from);
    const { status, text } = await from.rest("/switchover", {
      method: "POST",
      body: { leader: from.name, candidate: to.name },
    });
    assert.equal(text, `Successfully switched over to "${to.name}"`);
    assert.equal(status, 200);
    assert.equal((await cluster.untilWhole()).name, to.name);
  });
}

/**
 * In a synchronous mode: the sync key of this leader names every other member,
 * and PostgreSQL waits for them.
 */
export async function untilInSync(
  { cluster, mode }: Scene,
  leader: AgentMember,
): Promise<void> {
  if (mode === "async") return;
  const others = cluster.others(leader.name).map(({ name }) => name).sort();
  const state = mode === "quorum" ? "quorum" : "sync";
  await cluster.until(`all are synchronous to ${leader.name}`, async () => {
    const key = Object(await cluster.key("sync"));
    const rows = await leader.sql(
      "SELECT application_name AS name FROM pg_stat_replication " +
        `WHERE sync_state = '${state}' ORDER BY 1`,
    );
    const listed = String(key.sync_standby ?? "").split(",").sort();
    return key.leader === leader.name &&
      listed.join() === others.join() &&
      rows.map(({ name }) => name).join() === others.join();
  });
}

/** Kills the leader with all of its processes; a member of the others leads. */
async function failOver(
  scene: Scene,
  old: AgentMember,
): Promise<AgentMember> {
  const { t, cluster, mode } = scene;
  const others = cluster.others(old.name);
  const kinds = others.map(named).join(" or ");
  let next = old;
  await step(t, `${mode}: failover ${named(old)} to ${kinds}`, async () => {
    await cluster.untilWhole();
    await untilInSync(scene, old);
    await old.killAll();
    await cluster.expireLeader();
    next = await cluster.untilLeader(others.map(({ name }) => name));
  });
  await step(t, `${mode}: ${named(old)} comes back`, async () => {
    old.start();
    assert.equal((await cluster.untilWhole()).name, next.name);
  });
  return next;
}

/**
 * The leader writes what reaches nobody and dies; another leads; the old one
 * comes back by rewind, not by a new clone.
 */
async function diverge(
  scene: Scene,
  old: AgentMember,
): Promise<AgentMember> {
  const { t, cluster, mode } = scene;
  const others = cluster.others(old.name);
  let next = old;
  const title = `${mode}: failover of ${named(old)} with unsent rows`;
  await step(t, title, async () => {
    await cluster.untilWhole();
    await old.sql("CREATE TABLE t (id int PRIMARY KEY)");
    await old.sql("INSERT INTO t VALUES (1)");
    await untilSent(cluster, others);
    const senders = await old.freezeReplication();
    await old.sql("INSERT INTO t SELECT generate_series(101, 200)");
    await old.killAll();
    for (const pid of senders) signalTo(pid, "SIGKILL");
    await cluster.expireLeader();
    next = await cluster.untilLeader(others.map(({ name }) => name));
    await next.sql("INSERT INTO t VALUES (2)");
  });
  await step(
    t,
    `${mode}: ${named(old)} rewinds to the other kind`,
    async () => {
      const mark = old.log().length;
      old.start();
      assert.equal((await cluster.untilWhole()).name, next.name);
      const log = old.log().slice(mark);
      assert.match(log, /running pg_rewind from n\d/);
      assert.doesNotMatch(log, /trying to bootstrap from/);
      await cluster.until("the rows are the new leader's", async () => {
        const rows = await old.sql("SELECT id FROM t ORDER BY 1");
        return rows.map(({ id }) => id).join() === "1,2";
      });
      await next.sql("DROP TABLE t");
    },
  );
  return next;
}

async function untilSent(
  cluster: AgentCluster,
  replicas: readonly AgentMember[],
): Promise<void> {
  await cluster.until("the replicas have the row", async () => {
    for (const replica of replicas) {
      if ((await replica.sql("SELECT 1 FROM t")).length !== 1) return false;
    }
    return true;
  });
}

/** Sets keys of the dynamic configuration through one member's REST API. */
export async function patchConfig(
  member: AgentMember,
  body: Section,
): Promise<void> {
  const answer = await member.rest("/config", { method: "PATCH", body });
  assert.equal(answer.status, 200, answer.text);
}

/** Switchover there and back and a failover of n1, asynchronous first. */
export async function playAllModes(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const [n1, n2, n3] = cluster.members;
  assert.ok(n1 !== undefined && n2 !== undefined && n3 !== undefined);
  const inAsync = { t, cluster, mode: "async" } as const;
  await switchOver(inAsync, n1, n2);
  await switchOver(inAsync, n2, n1);
  await switchOver(inAsync, await diverge(inAsync, n1), n1);
  await WritableWatch.prepare(n1);
  await using watch = new WritableWatch(cluster.members);
  await patchConfig(n2, { synchronous_mode: true, synchronous_node_count: 2 });
  await playSynchronous({ t, cluster, mode: "sync" }, watch);
  await patchConfig(n1, { synchronous_mode: "quorum" });
  await playSynchronous({ t, cluster, mode: "quorum" }, watch);
  await step(t, "off again from the other side", async () => {
    await patchConfig(n3, { synchronous_mode: null });
    await cluster.until("nobody is synchronous", async () => {
      const [row] = await n1.sql("SHOW synchronous_standby_names");
      return row?.["synchronous_standby_names"] === "";
    });
  });
  await watch.end();
  await step(t, "never two primaries at once", () => {
    assert.deepEqual(watch.violations(), []);
    return Promise.resolve();
  });
}

/** n1 leads at the beginning and at the end. */
async function playSynchronous(
  scene: Scene,
  watch: WritableWatch,
): Promise<void> {
  const { t, cluster, mode } = scene;
  const n1 = cluster.member("n1");
  await switchOver(scene, n1, cluster.member("n2"));
  await switchOver(scene, cluster.member("n2"), n1);
  const next = await failOver(scene, n1);
  await step(t, `${mode}: no acknowledged row is lost`, async () => {
    assert.deepEqual(await watch.lostOn(next), []);
  });
  await switchOver(scene, next, n1);
  await step(t, `${mode}: none is lost by the way back`, async () => {
    assert.deepEqual(await watch.lostOn(n1), []);
  });
}
