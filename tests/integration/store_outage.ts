/**
 * What becomes of a leader whose store stands still, on any store: it stops in
 * time; in failsafe mode it goes on, for as long as every member agrees.
 */
import assert from "node:assert/strict";
import { type AgentCluster, QUICK_TIMES } from "../helpers/agent_cluster.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { step } from "../helpers/step.ts";
import { WritableWatch } from "../helpers/writable_watch.ts";

/** The server of a store. */
export interface FrozenStore {
  /** Its connections stay open and nothing answers. */
  freeze(): void;
  thaw(): void;
}

/** Clearly longer than a lease of the quick clusters. */
const LASTING_MS = 10_000;
const TTL_MS = QUICK_TIMES.ttl * 1_000;

/**
 * The two stories, in steps of the test, after those of `storeStory`.
 *
 * @param afterwards Who leads once the store is back from an outage in failsafe
 * mode: the same member, or any, where nobody may take the key for a while.
 */
export async function storeOutage(
  t: Deno.TestContext,
  { cluster, store, afterwards }: {
    readonly cluster: AgentCluster;
    readonly store: FrozenStore;
    readonly afterwards: "the same" | "any";
  },
): Promise<void> {
  await step(
    t,
    "while the store stands still nobody leads",
    () => stops(cluster, store),
  );
  await step(
    t,
    "in failsafe mode the leader goes on without the store",
    async () => {
      const before = await goesOn(cluster, store);
      const { name } = await cluster.untilWhole();
      if (afterwards === "the same") assert.equal(name, before);
    },
  );
}

async function stops(cluster: AgentCluster, store: FrozenStore): Promise<void> {
  const leader = await cluster.untilWhole();
  await using watch = new WritableWatch(cluster.members);
  await cluster.until(
    "it takes writes",
    () => Promise.resolve(watch.last(leader.name) !== undefined),
  );
  const frozenAt = performance.now();
  store.freeze();
  try {
    await cluster.until("the leader stops leading", async () => {
      const status = await leader.status();
      return status !== null && status["role"] !== "primary";
    });
    for (const member of cluster.members) {
      assert.equal(await isPrimary(member), false, member.name);
    }
    assert.ok(watch.lastAnswerAt() < frozenAt + TTL_MS);
  } finally {
    store.thaw();
  }
  const again = await cluster.untilWhole();
  await watch.end();
  assert.deepEqual(watch.violations(), []);
  assert.deepEqual(await watch.lostOn(again), []);
}

/** The member that led on. */
async function goesOn(
  cluster: AgentCluster,
  store: FrozenStore,
): Promise<string> {
  const leader = await cluster.untilWhole();
  await leader.rest("/config", {
    method: "PATCH",
    body: { failsafe_mode: true },
  });
  for (const member of cluster.members) {
    await cluster.until(`${member.name} knows the map`, async () => {
      const { status, text } = await member.rest("/failsafe");
      return status === 200 &&
        Object.keys(JSON.parse(text)).length === cluster.members.length;
    });
  }
  const until = performance.now() + LASTING_MS;
  store.freeze();
  try {
    await cluster.until("it led on for long", async () => {
      assert.equal(await isPrimary(leader), true, "it went on");
      return performance.now() > until;
    });
    const status = await leader.status();
    assert.equal(status?.["failsafe_mode_is_active"], true);
  } finally {
    store.thaw();
  }
  return leader.name;
}

/** Takes writes; a server that is just being restarted does not. */
async function isPrimary(member: AgentMember): Promise<boolean> {
  const rows = await member.sql("SELECT pg_is_in_recovery() AS is_standby")
    .catch(() => []);
  return rows[0]?.["is_standby"] === false;
}
