/**
 * The store goes away: for the leader alone, for all because it hangs, for all
 * because it is dead. A leader stops being writable before its lease ends, nobody
 * is promoted without the store, replicas go on, and everything heals.
 */
import assert from "node:assert/strict";
import { AgentCluster, QUICK_TIMES } from "../helpers/agent_cluster.ts";
import { Receiver } from "../helpers/receiver.ts";
import { step } from "../helpers/step.ts";
import { etcdSkipReason } from "../helpers/etcd.ts";
import { leadEndSaid } from "../helpers/explained.ts";
import { linkToStore } from "../helpers/link_to_store.ts";
import type { SeverableLink } from "../helpers/severable_link.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { WritableWatch } from "../helpers/writable_watch.ts";

const TTL_MS = QUICK_TIMES.ttl * 1_000;

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "a store that goes away costs the lead, never the data",
    ignore: etcdSkipReason() !== null,
    fn: async (t) => {
      await using receiver = new Receiver();
      await using cluster = await AgentCluster.create({
        dcs: "etcd",
        change: (config) => ({ ...config, notify: [{ url: receiver.url }] }),
        isQuick: true,
      });
      const first = cluster.member("n1");
      await using link = linkToStore(cluster, first);
      await cluster.startAll();
      await WritableWatch.prepare(first);
      await using watch = new WritableWatch(cluster.members);
      await cluster.until(
        "n1 takes writes",
        () => Promise.resolve(watch.last("n1") !== undefined),
      );

      await isolatedLeader(t, { cluster, watch, link });
      await step(t, "people were told that it was demoted", async () => {
        await cluster.until(
          "that was told",
          () => Promise.resolve(receiver.types.includes("demoted")),
        );
        const told = receiver.got.map(({ document }) => document)
          .find(({ type }) => type === "demoted");
        const { member, how, rule } = Object(told?.["data"]);
        assert.equal(told?.["member"], "n1");
        assert.equal(member, "n1");
        assert.notEqual(how, "graceful");
        assert.match(String(rule), /^R\d{3}$/);
      });
      await frozenStore(t, { cluster, watch });
      await step(t, "no acknowledged write is lost", async () => {
        const leader = await cluster.untilWhole();
        assert.deepEqual(await watch.lostOn(leader), []);
      });
      await deadStore(t, { cluster, watch });
      await watch.end();
      assert.deepEqual(watch.violations(), []);
    },
  });
});

interface Scene {
  readonly cluster: AgentCluster;
  readonly watch: WritableWatch;
}

async function isolatedLeader(
  t: Deno.TestContext,
  { cluster, watch, link }: Scene & { readonly link: SeverableLink },
): Promise<void> {
  await step(t, "a leader cut off from the store is replaced", async () => {
    const severedAt = performance.now();
    link.sever();
    const leader = await cluster.untilLeader(["n2", "n3"]);
    await cluster.until(
      "the new leader takes writes",
      () => Promise.resolve(watch.last(leader.name) !== undefined),
    );
    // The last renewal came before the cut, so that is when the lease ended.
    assert.ok(watch.lastAnswerAt("n1") < severedAt + TTL_MS);
    assert.deepEqual(watch.violations(), []);
  });
  await step(t, "and follows when it sees the store again", async () => {
    link.heal();
    const leader = await cluster.untilWhole();
    assert.notEqual(leader.name, "n1");
    assert.match(
      await leadEndSaid(cluster, leader),
      /^n1 stepped down: it could not (reach the store to )?renew its leader k/,
    );
  });
}

async function frozenStore(
  t: Deno.TestContext,
  { cluster, watch }: Scene,
): Promise<void> {
  await step(t, "while the store hangs nobody leads", async () => {
    const frozenAt = performance.now();
    cluster.etcd?.freeze();
    await cluster.until("nobody is writable", () => nobodyIsWritable(cluster));
    assert.ok(watch.lastAnswerAt() < frozenAt + TTL_MS);
    for (const member of cluster.members) {
      await cluster.until(`${member.name} answers reads`, async () => {
        const rows = await member.sql(
          "SELECT pg_is_in_recovery() AS is_standby",
        );
        return rows[0]?.["is_standby"] === true;
      });
    }
  });
  await step(t, "everything heals when it is back", async () => {
    const count = watch.acknowledged.length;
    cluster.etcd?.thaw();
    await cluster.untilWhole();
    await cluster.until(
      "writes go on",
      () => Promise.resolve(watch.acknowledged.length > count),
    );
    assert.deepEqual(watch.violations(), []);
  });
}

async function deadStore(
  t: Deno.TestContext,
  { cluster, watch }: Scene,
): Promise<void> {
  await step(t, "a dead store costs the lead too", async () => {
    const killedAt = performance.now();
    await cluster.etcd?.nodes[0]?.kill();
    await cluster.until("nobody is writable", () => nobodyIsWritable(cluster));
    assert.ok(watch.lastAnswerAt() < killedAt + TTL_MS);
    for (const member of cluster.members) {
      await cluster.until(
        `${member.name} says that it is a replica`,
        async () => (await member.status())?.["role"] === "replica",
      );
    }
  });
}

async function nobodyIsWritable(cluster: AgentCluster): Promise<boolean> {
  for (const member of cluster.members) {
    const rows = await member.sql("SELECT pg_is_in_recovery() AS is_standby")
      .catch(() => [{ is_standby: true }]);
    if (rows[0]?.["is_standby"] !== true) return false;
  }
  return true;
}
