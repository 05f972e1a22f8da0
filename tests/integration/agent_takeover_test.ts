/**
 * A leader's host is lost: long before its lease ends the voters have proven that
 * it can acknowledge nothing, and one of them leads, with every acknowledged row.
 * The ttl is two minutes, so no wait in here is ended by a lease.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { etcdSkipReason } from "../helpers/etcd.ts";
import { Receiver } from "../helpers/receiver.ts";
import { step } from "../helpers/step.ts";
import { patch, syncKey } from "../helpers/sync_watch.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { WritableWatch } from "../helpers/writable_watch.ts";

/** Far below the ttl, far above what a busy host makes of three seconds. */
const TAKEN_WITHIN_MS = 40_000;

interface Scene {
  readonly cluster: AgentCluster;
  readonly watch: WritableWatch;
}

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "a lost host is replaced long before its lease ends",
    ignore: etcdSkipReason() !== null,
    fn: async (t) => {
      await using receiver = new Receiver();
      await using cluster = await AgentCluster.running({
        dcs: "etcd",
        change: (config) => ({ ...config, notify: [{ url: receiver.url }] }),
        bootstrapDcs: {
          ...{ ttl: 120, loop_wait: 10, retry_timeout: 10 },
          ...{ synchronous_mode: "quorum", takeover: true },
        },
      });
      await WritableWatch.prepare(cluster.member("n1"));
      await using watch = new WritableWatch(cluster.members);
      const scene = { cluster, watch };
      await step(
        t,
        "a leader that lives objects to a pledge",
        () => objected(cluster, receiver),
      );
      await step(t, "mode quorum: the host is lost", () => lose(scene, 2));
      await step(t, "mode on: the host is lost", async () => {
        await patch(cluster, { synchronous_mode: true });
        await lose(scene, 1);
      });
      await watch.end();
      assert.deepEqual(watch.violations(), []);
    },
  });
});

/** As if n2 had suspected its leader: the entry stands for a moment only. */
async function objected(
  cluster: AgentCluster,
  receiver: Receiver,
): Promise<void> {
  await untilReady(cluster, 2);
  const { revision } = await leaderKey(cluster);
  const pledge = { term: revision, timeline: 1, lsn: "0/1000000" };
  await cluster.put("pledges/n2", JSON.stringify(pledge));
  await cluster.until("the entry is empty again", async () => {
    const text = (await cluster.keys())["pledges/n2"] ?? "";
    return !text.includes("lsn");
  });
  assert.equal((await cluster.untilWhole()).name, "n1");
  await cluster.until(
    "people were told",
    () => Promise.resolve(receiver.types.includes("takeover_vetoed")),
  );
  const told = receiver.got.map(({ document }) => document)
    .find(({ type }) => type === "takeover_vetoed");
  const { leader, voters } = Object(told?.["data"]);
  assert.deepEqual([told?.["member"], leader, voters], ["n1", "n1", ["n2"]]);
}

async function lose(
  { cluster, watch }: Scene,
  voters: number,
): Promise<void> {
  const old = await untilReady(cluster, voters);
  const before = watch.lastAnswerAt();
  await cluster.until(
    "rows are acknowledged",
    () => Promise.resolve(watch.hasAnsweredAfter(before, old.name)),
  );
  await old.killAll();
  const others = cluster.others(old.name);
  const next = await cluster.untilLeader(
    others.map(({ name }) => name),
    TAKEN_WITHIN_MS,
  );
  await cluster.until(
    "the next leader acknowledges rows",
    () => Promise.resolve(watch.last(next.name) !== undefined),
    TAKEN_WITHIN_MS,
  );
  assert.deepEqual(await watch.lostOn(next), []);
  old.start();
  assert.equal((await cluster.untilWhole()).name, next.name);
}

/** Everybody is there, enough vote, and each of these says that it would work. */
async function untilReady(
  cluster: AgentCluster,
  voters: number,
): Promise<AgentMember> {
  const leader = await cluster.untilWhole();
  await cluster.until("takeover would work", async () => {
    const { leader: holder, standbys } = await syncKey(cluster);
    if (holder !== leader.name || standbys.length !== voters) return false;
    const told = await Promise.all(
      standbys.map((name) => cluster.member(name).rest("/explain")),
    );
    return told.every(({ text }) => JSON.parse(text).takeover?.works === true);
  });
  return leader;
}

async function leaderKey(
  cluster: AgentCluster,
): Promise<{ readonly revision: string }> {
  return await cluster.withDcs(async (dcs) => {
    const { entries } = await dcs.readFresh({ timeoutMs: 5_000 });
    const found = entries.find(({ key }) => key === "leader");
    assert.ok(found !== undefined, "somebody leads");
    return found;
  });
}
