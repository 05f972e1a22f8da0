/**
 * Receivers of WAL that answer keep-alives and never confirm: PostgreSQL's stop
 * waits for them without an end. A change of leader and a restart do not; what a
 * consumer of a logical slot had not confirmed, it gets again.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { step } from "../helpers/step.ts";
import { StuckReceiver } from "../helpers/stuck_receiver.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

/** What PostgreSQL itself would wait for such a receiver, for ever. */
const WITHOUT_LIMIT = { wal_sender_timeout: 0 };

unprivileged(import.meta.url, () => {
  Deno.test("receivers that never confirm hold up no stop", async (t) => {
    await using cluster = await AgentCluster.running({
      members: 2,
      bootstrapDcs: {
        loop_wait: 1,
        slots: {
          feed: {
            type: "logical",
            database: "postgres",
            plugin: "test_decoding",
          },
        },
        postgresql: {
          parameters: {
            wal_level: "logical",
            max_connections: 30,
            wal_keep_size: "64MB",
            ...WITHOUT_LIMIT,
          },
        },
      },
    });
    const old = cluster.member("n1");
    await old.sql("CREATE TABLE t (id int PRIMARY KEY)");
    await cluster.until("both members have the slot", async () => {
      await old.sql("CHECKPOINT");
      await old.sql("SELECT pg_logical_slot_get_changes('feed', NULL, NULL)");
      const all = await Promise.all(cluster.members.map(hasFeed));
      return !all.includes(false);
    });
    await step(t, "a switchover ends them, and says so", async () => {
      await using consumer = await stuckConsumer(cluster, old, [1, 2]);
      const { status, text } = await old.rest("/switchover", {
        method: "POST",
        body: { leader: "n1", candidate: "n2" },
      });
      assert.equal(status, 200, text);
      assert.equal(
        text,
        'Successfully switched over to "n2". n1 ended what held up its stop: ' +
          "logical slot feed. What was not confirmed is sent again",
      );
      await consumer.ended();
      assert.equal((await cluster.untilWhole()).name, "n2");
    });
    await step(
      t,
      "the consumer gets again what it had not confirmed",
      async () => {
        const leader = cluster.member("n2");
        await leader.sql("INSERT INTO t VALUES (3)");
        assert.deepEqual(await consume(leader), ["1", "2", "3"]);
      },
    );
    await step(t, "a restart of the primary ends all of them", async () => {
      const leader = cluster.member("n2");
      await using logical = await stuckConsumer(cluster, leader, [4]);
      await using physical = await StuckReceiver.start(
        socketOf(leader),
        "START_REPLICATION PHYSICAL 0/3000000",
      );
      await cluster.until("both receive", async () => {
        const rows = await leader.sql("SELECT FROM pg_stat_replication");
        return rows.length === 3;
      });
      const { status, text } = await leader.rest("/restart", {
        method: "POST",
        body: {},
      });
      assert.equal(status, 200, text);
      await Promise.all([logical.ended(), physical.ended()]);
      assert.equal((await cluster.untilWhole()).name, "n2");
      assert.deepEqual(await consume(leader), ["4"]);
    });
    await step(t, "an agent ends, whatever still receives", async () => {
      const leader = cluster.member("n2");
      await using logical = await stuckConsumer(cluster, leader, [5]);
      await using physical = await StuckReceiver.start(
        socketOf(leader),
        "START_REPLICATION PHYSICAL 0/3000000",
      );
      await leader.end();
      await Promise.all([logical.ended(), physical.ended()]);
      const next = await cluster.untilLeader(["n1"]);
      // The new leader may not have been told yet of what was confirmed before.
      assert.equal((await consume(next)).at(-1), "5");
    });
  });
});

/** One that was sent those rows and confirmed none. */
async function stuckConsumer(
  cluster: AgentCluster,
  member: AgentMember,
  ids: readonly number[],
): Promise<StuckReceiver> {
  const receiver = await StuckReceiver.start(
    socketOf(member),
    "START_REPLICATION SLOT feed LOGICAL 0/0",
  );
  for (const id of ids) {
    await member.sql(`INSERT INTO t VALUES (${id})`);
    await cluster.until(
      `row ${id} was sent`,
      () =>
        Promise.resolve(
          receiver.received.includes(`INSERT: id[integer]:${id}`),
        ),
    );
  }
  return receiver;
}

function socketOf({ place }: AgentMember): string {
  return `${place.directory}/.s.PGSQL.${place.postgresPort}`;
}

async function hasFeed(member: AgentMember): Promise<boolean> {
  const rows = await member.sql(
    "SELECT FROM pg_replication_slots WHERE slot_name = 'feed'",
  );
  return rows.length === 1;
}

/** Rows that the logical consumer has not confirmed. */
async function consume(member: AgentMember): Promise<readonly string[]> {
  const rows = await member.sql(
    "SELECT data FROM pg_logical_slot_get_changes('feed', NULL, NULL)",
  );
  return rows.flatMap((row) =>
    /^table public\.t: INSERT: id\[integer\]:(\d+)/.exec(String(row["data"]))
      ?.slice(1) ?? []
  );
}
