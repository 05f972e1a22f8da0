/**
 * Failsafe mode keeps permanent logical slots moving on replicas, and loses a
 * member: the leader that went on by consents steps down
 * soon, and the restarted member keeps the word of its dead agent for as long as
 * that was given, not for a ttl from its own start.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import type { AgentMember, Section } from "../helpers/agent_member.ts";
import { etcdSkipReason } from "../helpers/etcd.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

/** What is left of it when the other agent runs again must not be over at once. */
const TTL_S = 25;

/** For so long at least nobody has agreed any more when R825 stops a leader. */
const REFUSED_MS = 4_000;

const FEED = {
  type: "logical",
  database: "postgres",
  plugin: "test_decoding",
};
const CONSUME = "SELECT pg_logical_slot_get_changes('feed', NULL, NULL)";

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "a lost member ends failsafe mode, and leads soon when it is back",
    ignore: etcdSkipReason() !== null,
    fn: async (t) => {
      await using cluster = await AgentCluster.running({
        dcs: "etcd",
        members: 2,
        bootstrapDcs: {
          ttl: TTL_S,
          failsafe_mode: true,
          slots: { feed: FEED },
          postgresql: {
            use_pg_rewind: true,
            parameters: { wal_level: "logical", max_connections: 30 },
          },
        },
      });
      const [first, second] = [cluster.member("n1"), cluster.member("n2")];
      await cluster.until("the map lists both", async () => {
        const map = await cluster.key("failsafe");
        return Object.keys(map ?? {}).sort().join() === "n1,n2";
      });
      await first.sql("CREATE TABLE t (id int PRIMARY KEY)");
      await cluster.until("both have the logical slot", async () => {
        await first.sql("CHECKPOINT");
        await first.sql(CONSUME);
        return await positionOf(second) !== null;
      });
      cluster.etcd?.freeze();
      await cluster.until("the leader lives by consents", async () => {
        const status = await first.status();
        return status?.["failsafe_mode_is_active"] === true;
      });
      await step(t, "the logical slot moves on the replica", async () => {
        await first.sql("INSERT INTO t VALUES (1)");
        await first.sql(CONSUME);
        const wanted = await positionOf(first);
        await cluster.until("the slot of n2 follows", async () => {
          const position = await positionOf(second);
          return position !== null && position >= (wanted ?? Infinity);
        });
      });
      await step(t, "without the member the leader steps down", async () => {
        await second.killAll();
        await untilReadOnly(cluster, first);
        assert.deepEqual(
          (await decisions(first)).filter(isDemotion).map(ruleOf),
          ["R825"],
        );
      });
      await step(t, "restarted, it leads when its word has ended", async () => {
        await first.killAll();
        cluster.etcd?.thaw();
        const word = wordOf(second);
        assert.equal(word["ttl_ms"], 1_000 * TTL_S);
        second.start();
        await cluster.untilLeader(["n2"]);
        // Not replaced by one that begins with the new agent.
        assert.deepEqual(wordOf(second), word);
        const waits = (await decisions(second))
          .filter(({ reason }) => reason === "consent_unknown");
        for (const { facts } of waits) {
          const leftMs = Number(Object(facts).leftMs);
          assert.ok(
            leftMs <= 1_000 * TTL_S - REFUSED_MS,
            `${leftMs} ms are left`,
          );
        }
      });
      await step(t, "the other follows it", async () => {
        first.start();
        assert.equal((await cluster.untilWhole()).name, "n2");
      });
    },
  });
});

/** Where the consumer of the slot is, in bytes; null: there is no slot. */
async function positionOf(member: AgentMember): Promise<number | null> {
  const [row] = await member.sql(
    `SELECT (confirmed_flush_lsn - '0/0')::float8 AS position
     FROM pg_replication_slots WHERE slot_name = 'feed'`,
  );
  return row === undefined ? null : Number(row["position"]);
}

async function untilReadOnly(
  cluster: AgentCluster,
  member: AgentMember,
): Promise<void> {
  await cluster.until(`${member.name} is read-only`, async () => {
    const rows = await member.sql("SELECT pg_is_in_recovery() AS is_standby")
      .catch(() => []);
    return rows[0]?.["is_standby"] === true;
  });
}

/** The member's last consent, as its agent wrote it down. */
function wordOf({ place }: AgentMember): Section {
  const path = `${place.directory}/.data.matriarch-consent`;
  return JSON.parse(Deno.readTextFileSync(path));
}

async function decisions(member: AgentMember): Promise<readonly Section[]> {
  const { text } = await member.rest("/explain");
  return JSON.parse(text).decisions;
}

function isDemotion({ decision, task }: Section): boolean {
  return decision === "start_task" && task === "demote";
}

function ruleOf({ rule }: Section): unknown {
  return rule;
}
