/**
 * Unplanned ends: of PostgreSQL, of a whole leader with WAL that nobody else
 * has, and orderly ends of leader and replica by SIGTERM.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import { signalTo } from "../helpers/own_processes.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

/** Shorter than the TTL: who leads within it did not wait for the lease to end. */
const AT_ONCE_MS = 15_000;

unprivileged(import.meta.url, () => {
  Deno.test("crashes and orderly ends of members", async (t) => {
    await using cluster = await AgentCluster.running();
    const first = cluster.member("n1");
    await first.sql("CREATE TABLE t (id int)");
    await killedPostmaster(t, cluster);
    await killedReplicaPostmaster(t, cluster);
    await killedMember(t, cluster);
    await endedLeader(t, cluster);
    await endedReplica(t, cluster);
  });
});

async function killedPostmaster(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a killed PostgreSQL restarts in place", async () => {
    const leader = cluster.member("n1");
    const before = leader.postmasterPid();
    await leader.sql("INSERT INTO t VALUES (1)");
    leader.killPostmaster();
    await cluster.until(
      "another postmaster runs",
      () =>
        Promise.resolve(
          ![null, before].includes(leader.postmasterPid()),
        ),
    );
    assert.equal((await cluster.untilWhole()).name, "n1");
    const [row] = await leader.sql(
      "SELECT count(*)::int AS rows, (SELECT timeline_id FROM " +
        "pg_control_checkpoint()) AS timeline FROM t",
    );
    assert.deepEqual({ ...row }, { rows: 1, timeline: 1 });
    assert.doesNotMatch(leader.log(), /Demoting self/);
  });
}

async function killedReplicaPostmaster(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a replica's killed PostgreSQL streams again", async () => {
    const replica = cluster.member("n2");
    const before = replica.postmasterPid();
    replica.killPostmaster();
    await cluster.until(
      "another postmaster runs",
      () => Promise.resolve(![null, before].includes(replica.postmasterPid())),
    );
    assert.equal((await cluster.untilWhole()).name, "n1");
    assert.doesNotMatch(replica.log(), /running pg_rewind/);
  });
}

async function killedMember(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const old = cluster.member("n1");
  await step(t, "a lost leader is replaced when its lease ends", async () => {
    const senders = await old.freezeReplication();
    // Old and new leader will disagree from here on.
    await old.sql("INSERT INTO t SELECT generate_series(101, 200)");
    await old.killAll();
    for (const pid of senders) signalTo(pid, "SIGKILL");
    const leader = await cluster.untilLeader(["n2", "n3"]);
    await leader.sql("INSERT INTO t VALUES (2)");
    await cluster.until("the other replica streams", async () => {
      const list = await cluster.list();
      return list.filter(({ state }) => state === "streaming").length === 1;
    });
  });
  await step(t, "it comes back by rewind, without its own rows", async () => {
    old.start();
    const leader = await cluster.untilWhole();
    assert.notEqual(leader.name, "n1");
    assert.match(old.log(), /running pg_rewind from n[23]/);
    assert.match(old.log(), /doing crash recovery in a single user mode/);
    assert.equal(old.log().match(/trying to bootstrap from/g), null);
    const rows = await old.sql("SELECT id FROM t ORDER BY 1");
    assert.deepEqual(rows.map(({ id }) => id), [1, 2]);
  });
}

async function endedLeader(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a leader that is ended hands over at once", async () => {
    const leader = await cluster.untilWhole();
    await leader.sql("INSERT INTO t VALUES (3)");
    const { code } = await leader.end("SIGTERM");
    assert.equal(code, 0, leader.logEnd());
    assert.equal(leader.postmasterPid(), null);
    assert.match(leader.log(), /Leader key released/);
    const others = cluster.others(leader.name).map(({ name }) => name);
    const next = await cluster.untilLeader(others, AT_ONCE_MS);
    const rows = await next.sql("SELECT id FROM t ORDER BY 1");
    assert.deepEqual(rows.map(({ id }) => id), [1, 2, 3]);
    const marks = leader.log().length;
    leader.start();
    assert.equal((await cluster.untilWhole()).name, next.name);
    assert.doesNotMatch(leader.log().slice(marks), /running pg_rewind/);
  });
}

async function endedReplica(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a replica that is ended disturbs nobody", async () => {
    const leader = await cluster.untilWhole();
    const pid = leader.postmasterPid();
    const [replica] = cluster.others(leader.name);
    assert.ok(replica !== undefined);
    const { code } = await replica.end("SIGTERM");
    assert.equal(code, 0, replica.logEnd());
    assert.equal(replica.postmasterPid(), null);
    const key = await cluster.key(`members/${replica.name}`);
    assert.equal(
      (key as { state?: string } | null)?.state ?? "stopped",
      "stopped",
    );
    replica.start();
    assert.equal((await cluster.untilWhole()).name, leader.name);
    assert.equal(leader.postmasterPid(), pid);
  });
}
