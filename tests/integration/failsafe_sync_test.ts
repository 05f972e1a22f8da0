/**
 * Failsafe mode together with synchronous mode: the leader goes on without the
 * store while all agree, a restarted member keeps the consent that it gave
 * (R308), who is not on the map does not lead (R307), and no row that was
 * acknowledged is lost on the way.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { pastCycles } from "../helpers/cycles.ts";
import { etcdSkipReason } from "../helpers/etcd.ts";
import { linkToStore } from "../helpers/link_to_store.ts";
import type { SeverableLink } from "../helpers/severable_link.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { WritableWatch } from "../helpers/writable_watch.ts";

/** Longer than an agent's start on a busy machine: see {@link consentKept}. */
const TTL_S = 25;

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "failsafe mode and synchronous mode together",
    ignore: etcdSkipReason() !== null,
    fn: async (t) => {
      await using cluster = await AgentCluster.create({
        dcs: "etcd",
        isQuick: true,
        bootstrapDcs: {
          ttl: TTL_S,
          failsafe_mode: true,
          synchronous_mode: true,
        },
      });
      const first = cluster.member("n1");
      await using link = linkToStore(cluster, first);
      await cluster.startAll();
      await untilMap(cluster, ["n1", "n2", "n3"]);
      await WritableWatch.prepare(first);
      await using watch = new WritableWatch(cluster.members);
      await consentKept(t, { cluster, watch, link });
      await leftOut(t, { cluster, watch });
      await watch.end();
      assert.deepEqual(watch.violations(), []);
    },
  });
});

interface Scene {
  readonly cluster: AgentCluster;
  readonly watch: WritableWatch;
}

/** The map lists these, and the sync key names one of them for n1. */
async function untilMap(
  cluster: AgentCluster,
  names: readonly string[],
): Promise<string> {
  return await cluster.until(`the map lists ${names}`, async () => {
    const map = Object(await cluster.key("failsafe"));
    const { sync_standby: standby } = Object(await cluster.key("sync"));
    const isListed = Object.keys(map).sort().join() === names.join();
    return isListed && names.includes(standby) ? String(standby) : null;
  });
}

async function writesGoOn(
  { cluster, watch }: Scene,
  forMs: number,
): Promise<void> {
  const since = performance.now();
  await cluster.until(
    "n1 takes writes for longer than its lease",
    () => Promise.resolve(watch.hasAnsweredAfter(since + forMs, "n1")),
    forMs + 60_000,
  );
}

async function untilNoLeader(cluster: AgentCluster): Promise<void> {
  await cluster.until(
    "the leader key has expired",
    async () => (await cluster.keys())["leader"] === undefined,
    2 * TTL_S * 1_000,
  );
}

/** What the member's agent said by a rule since `from`. */
function saidBy(member: AgentMember, rule: string, from: number): boolean {
  return member.log().slice(from).includes(`rule=${rule} `);
}

async function consentKept(
  t: Deno.TestContext,
  scene: Scene & { readonly link: SeverableLink },
): Promise<void> {
  const { cluster, link } = scene;
  const leader = cluster.member("n1");
  await step(
    t,
    "a restarted synchronous standby keeps its consent",
    async () => {
      const standby = cluster.member(
        await untilMap(cluster, ["n1", "n2", "n3"]),
      );
      link.sever();
      await untilNoLeader(cluster);
      await standby.end("SIGKILL");
      // Without a ping nothing but R308 holds the new agent back.
      leader.signal("SIGSTOP");
      const from = standby.log().length;
      standby.start();
      await cluster.until(
        "it remembers that it may have agreed",
        () => Promise.resolve(saidBy(standby, "R308", from)),
      );
      leader.signal("SIGCONT");
      await writesGoOn(scene, (TTL_S + 5) * 1_000);
      assert.equal((await cluster.keys())["leader"], undefined);
      assert.equal((await standby.rest("/replica")).status, 200);
      const { sync_standby: after } = Object(await cluster.key("sync"));
      assert.equal(after, standby.name);
    },
  );
  await step(t, "the key is n1's again when the store is back", async () => {
    link.heal();
    assert.equal((await cluster.untilWhole()).name, "n1");
    assert.equal((await leader.status())?.["timeline"], 1);
    assert.doesNotMatch(cluster.logs(), /Demoting self/);
  });
}

async function leftOut(
  t: Deno.TestContext,
  { cluster, watch }: Scene,
): Promise<void> {
  const [leader, listed, unlisted] = ["n1", "n2", "n3"].map((name) =>
    cluster.member(name)
  );
  assert.ok(leader && listed && unlisted);
  await step(t, "who is not on the map does not lead", async () => {
    await unlisted.end("SIGTERM");
    await untilMap(cluster, ["n1", "n2"]);
    cluster.etcd?.freeze();
    const from = unlisted.log().length;
    unlisted.start();
    listed.signal("SIGSTOP");
    await leader.killAll();
    cluster.etcd?.thaw();
    await untilNoLeader(cluster);
    await cluster.until(
      "it says that it is not listed",
      () => Promise.resolve(saidBy(unlisted, "R307", from)),
    );
    await pastCycles(cluster, unlisted);
    assert.equal((await cluster.keys())["leader"], undefined);
  });
  await step(t, "who is on it does, and has every row", async () => {
    listed.signal("SIGCONT");
    await cluster.untilLeader(["n2"], 2 * TTL_S * 1_000);
    assert.deepEqual(await watch.lostOn(listed), []);
    leader.start();
    assert.equal((await cluster.untilWhole()).name, "n2");
    await untilMap(cluster, ["n1", "n2", "n3"]);
    assert.deepEqual(await watch.lostOn(listed), []);
  });
}
