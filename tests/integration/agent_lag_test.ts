/**
 * Who lacks too much WAL is not promoted, even if the scope then has no leader;
 * and who diverged where rewind is not allowed gets a new copy.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import { signalTo } from "../helpers/own_processes.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const LAG_BYTES_MAX = 1_048_576;

unprivileged(import.meta.url, () => {
  Deno.test("a replica far behind, and one that diverged", async (t) => {
    await using cluster = await AgentCluster.running({
      members: 2,
      bootstrapDcs: {
        maximum_lag_on_failover: LAG_BYTES_MAX,
        postgresql: {
          use_pg_rewind: false,
          remove_data_directory_on_diverged_timelines: true,
          parameters: { max_connections: 30 },
        },
      },
    });
    await lagging(t, cluster);
    await diverged(t, cluster);
  });
});

async function lagging(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const leader = cluster.member("n1");
  const replica = cluster.member("n2");
  await step(t, "a replica that lacks too much is not promoted", async () => {
    await leader.sql("CREATE TABLE t AS SELECT 1 AS id");
    await cluster.until(
      "n2 has the table",
      async () => (await replica.sql("SELECT id FROM t")).length === 1,
    );
    const senders = await leader.freezeReplication();
    const written = await leader.sql(
      "CREATE TABLE much AS SELECT repeat('x', 500) FROM " +
        "generate_series(1, 8000); " +
        "SELECT (pg_current_wal_lsn() - '0/0')::bigint::text AS lsn",
    );
    const lsn = Number(written.flat(2).at(-1)?.["lsn"]);
    await cluster.until("the leader has published its position", async () => {
      const status = await cluster.key("status") as { optime: number };
      return status.optime >= lsn;
    });
    await leader.killAll();
    for (const pid of senders) signalTo(pid, "SIGKILL");
    await cluster.expireLeader();
    await cluster.until("n2 says why it does not lead", () =>
      Promise.resolve(
        /My wal position exceeds maximum replication lag/.test(replica.log()),
      ));
    assert.equal((await cluster.keys())["leader"], undefined);
    assert.doesNotMatch(replica.log(), /promoted self/);
  });
  await step(t, "the old leader leads again", async () => {
    leader.start();
    assert.equal((await cluster.untilWhole()).name, "n1");
    const rows = await leader.sql("SELECT count(*)::int AS rows FROM much");
    assert.equal(rows[0]?.["rows"], 8000);
  });
}

async function diverged(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a diverged member is cloned anew", async () => {
    const old = cluster.member("n1");
    const marks = old.log().length;
    const senders = await old.freezeReplication();
    await old.sql("INSERT INTO t SELECT generate_series(101, 200)");
    await old.killAll();
    for (const pid of senders) signalTo(pid, "SIGKILL");
    await cluster.expireLeader();
    const leader = await cluster.untilLeader(["n2"]);
    await leader.sql("INSERT INTO t VALUES (2)");
    old.start();
    assert.equal((await cluster.untilWhole()).name, "n2");
    const log = old.log().slice(marks);
    assert.match(log, /removing the data directory: diverged_timelines/);
    assert.match(log, /trying to bootstrap from 'n2'/);
    assert.doesNotMatch(log, /running pg_rewind/);
    const rows = await old.sql("SELECT id FROM t ORDER BY 1");
    assert.deepEqual(rows.map(({ id }) => id), [1, 2]);
  });
}
