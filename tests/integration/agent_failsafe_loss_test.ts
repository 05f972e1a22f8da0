/**
 * Failsafe mode loses a member: the leader that went on by consents steps down
 * soon, and the restarted member keeps the word of its dead agent for as long as
 * that was given, not for a ttl from its own start.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import type { AgentMember, Section } from "../helpers/agent_member.ts";
import { etcdSkipReason } from "../helpers/etcd.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const TTL_MS = 20_000;

/** For so long at least nobody has agreed any more when R825 stops a leader. */
const REFUSED_MS = 4_000;

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "a lost member ends failsafe mode, and leads soon when it is back",
    ignore: etcdSkipReason() !== null,
    fn: async (t) => {
      await using cluster = await AgentCluster.running({
        dcs: "etcd",
        members: 2,
        bootstrapDcs: { failsafe_mode: true },
      });
      const [first, second] = [cluster.member("n1"), cluster.member("n2")];
      await cluster.until("the map lists both", async () => {
        const map = await cluster.key("failsafe");
        return Object.keys(map ?? {}).sort().join() === "n1,n2";
      });
      await step(t, "without the member the leader steps down", async () => {
        cluster.etcd?.freeze();
        await cluster.until("the leader lives by consents", async () => {
          const status = await first.status();
          return status?.["failsafe_mode_is_active"] === true;
        });
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
        second.start();
        await cluster.untilLeader(["n2"]);
        for (const { reason, facts } of await decisions(second)) {
          if (reason !== "consent_unknown") continue;
          const leftMs = Number(Object(facts).leftMs);
          assert.ok(leftMs <= TTL_MS - REFUSED_MS, `${leftMs} ms are left`);
        }
      });
      await step(t, "the other follows it", async () => {
        first.start();
        assert.equal((await cluster.untilWhole()).name, "n2");
      });
    },
  });
});

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
