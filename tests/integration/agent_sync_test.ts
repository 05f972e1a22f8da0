/**
 * Synchronous mode: the sync key and PostgreSQL agree, the duty moves when a
 * synchronous standby dies, only a synchronous standby takes over, and no
 * acknowledged row is lost in a row of killed leaders.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { pastCycles } from "../helpers/cycles.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { WritableWatch } from "../helpers/writable_watch.ts";

const ROUNDS = 3;

interface SyncKey {
  readonly leader: string | null;
  readonly sync_standby: string | null;
}

unprivileged(import.meta.url, () => {
  Deno.test("synchronous mode loses nothing", async (t) => {
    await using cluster = await AgentCluster.running({
      bootstrapDcs: { synchronous_mode: true },
    });
    const first = cluster.member("n1");
    await WritableWatch.prepare(first);
    await using watch = new WritableWatch(cluster.members);
    await step(t, "one standby: key and PostgreSQL agree", async () => {
      const standbys = await untilAgreed(cluster, first, 1);
      assert.equal(standbys.length, 1);
    });
    await step(t, "two standbys: key and PostgreSQL agree", async () => {
      await patch(cluster, { synchronous_node_count: 2 });
      assert.deepEqual(await untilAgreed(cluster, first, 2), ["n2", "n3"]);
      await patch(cluster, { synchronous_node_count: 1 });
      await untilAgreed(cluster, first, 1);
    });
    await step(
      t,
      "names that the checkpointer did not read prove nothing",
      () => notInForce(cluster, first),
    );
    await dutyMoves(t, { cluster, watch });
    for (let round = 1; round <= ROUNDS; round++) {
      await step(
        t,
        `killed leader ${round}: a synchronous standby takes over`,
        () => killLeader({ cluster, watch }),
      );
    }
    await step(t, "a switchover goes to a synchronous standby", async () => {
      await switchOver({ cluster, watch });
    });
    await step(t, "off: key and parameter are gone", async () => {
      await patch(cluster, { synchronous_mode: null });
      const leader = await cluster.untilWhole();
      await cluster.until("nobody is synchronous", async () => {
        const key = await cluster.key("sync") as SyncKey | null;
        return (key?.leader ?? null) === null && await names(leader) === "";
      });
    });
    await watch.end();
    assert.deepEqual(watch.violations(), []);
  });
});

/** Commits do not wait for a new name yet, so the key must not list it. */
async function notInForce(
  cluster: AgentCluster,
  leader: AgentMember,
): Promise<void> {
  const [before = ""] = await untilAgreed(cluster, leader, 1);
  const [row] = await leader.sql(
    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'",
  );
  const checkpointer = Number(row?.["pid"]);
  Deno.kill(checkpointer, "SIGSTOP");
  try {
    await patch(cluster, { synchronous_node_count: 2 });
    await cluster.until("PostgreSQL shows both as synchronous", async () => {
      const rows = await leader.sql(
        "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'",
      );
      return rows.length === 2;
    });
    await pastCycles(cluster, leader);
    const key = await cluster.key("sync") as SyncKey;
    assert.equal(key.sync_standby, before);
  } finally {
    Deno.kill(checkpointer, "SIGCONT");
  }
  assert.deepEqual(await untilAgreed(cluster, leader, 2), ["n2", "n3"]);
  await patch(cluster, { synchronous_node_count: 1 });
  await untilAgreed(cluster, leader, 1);
}

interface Scene {
  readonly cluster: AgentCluster;
  readonly watch: WritableWatch;
}

async function dutyMoves(
  t: Deno.TestContext,
  { cluster, watch }: Scene,
): Promise<void> {
  await step(t, "a killed standby's duty moves to the other", async () => {
    const leader = cluster.member("n1");
    const [duty = ""] = await untilAgreed(cluster, leader, 1);
    await cluster.member(duty).killAll();
    const count = watch.acknowledged.length;
    await cluster.until("another standby has the duty", async () => {
      const [next] = await untilAgreed(cluster, leader, 1);
      return next !== duty;
    });
    await cluster.until(
      "writes go on",
      () => Promise.resolve(watch.acknowledged.length > count),
    );
    cluster.member(duty).start();
    assert.equal((await cluster.untilWhole()).name, "n1");
  });
}

async function killLeader({ cluster, watch }: Scene): Promise<void> {
  const old = await cluster.untilWhole();
  await untilAgreed(cluster, old, 1);
  const count = watch.acknowledged.length;
  await cluster.until(
    "writes are acknowledged",
    () => Promise.resolve(watch.acknowledged.length > count + 5),
  );
  await old.killAll();
  const key = await cluster.key("sync") as SyncKey;
  const allowed = key.sync_standby?.split(",") ?? [];
  await cluster.expireLeader();
  const next = await cluster.untilLeader(
    cluster.others(old.name).map(({ name }) => name),
  );
  assert.ok(allowed.includes(next.name), `${next.name} is not in ${allowed}`);
  assert.deepEqual(await watch.lostOn(next), []);
  old.start();
  assert.equal((await cluster.untilWhole()).name, next.name);
}

async function switchOver({ cluster, watch }: Scene): Promise<void> {
  const old = await cluster.untilWhole();
  const [duty = ""] = await untilAgreed(cluster, old, 1);
  const other = cluster.others(old.name).find(({ name }) => name !== duty);
  const body = { leader: old.name, candidate: other?.name };
  const refused = await old.rest("/switchover", { method: "POST", body });
  assert.deepEqual(refused, {
    status: 412,
    text: "candidate name does not match with sync_standby",
  });
  const { status, text } = await old.rest("/switchover", {
    method: "POST",
    body: { leader: old.name },
  });
  assert.equal(status, 200, text);
  const next = await cluster.untilWhole();
  assert.equal(next.name, duty);
  assert.deepEqual(await watch.lostOn(next), []);
}

/**
 * The synchronous standbys, once the key has `count` of them and PostgreSQL of
 * the leader waits for the same.
 */
async function untilAgreed(
  cluster: AgentCluster,
  leader: AgentMember,
  count: number,
): Promise<readonly string[]> {
  return await cluster.until(
    `${leader.name} has ${count} synchronous standbys`,
    async () => {
      const key = await cluster.key("sync") as SyncKey | null;
      const listed = (key?.sync_standby ?? "").split(",").filter(Boolean);
      const rows = await leader.sql(
        "SELECT application_name FROM pg_stat_replication " +
          "WHERE sync_state = 'sync' ORDER BY 1",
      );
      const actual = rows.map((row) => String(row["application_name"]));
      const value = await names(leader);
      const isAgreed = key?.leader === leader.name &&
        listed.length === count && listed.sort().join() === actual.join() &&
        listed.every((name) => value.includes(name));
      return isAgreed ? actual : null;
    },
  );
}

async function names(member: AgentMember): Promise<string> {
  const [row] = await member.sql("SHOW synchronous_standby_names");
  return String(row?.["synchronous_standby_names"]);
}

async function patch(cluster: AgentCluster, body: unknown): Promise<void> {
  const leader = await cluster.untilLeader();
  const answer = await leader.rest("/config", { method: "PATCH", body });
  assert.equal(answer.status, 200, answer.text);
}
