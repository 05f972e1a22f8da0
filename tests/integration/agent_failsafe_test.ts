/**
 * Failsafe mode: a leader without store goes on with the consent of every listed
 * member, whatever the store shows to others, and stops without it.
 */
import assert from "node:assert/strict";
import { AgentCluster, QUICK_TIMES } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import { etcdSkipReason } from "../helpers/etcd.ts";
import { linkToStore } from "../helpers/link_to_store.ts";
import type { SeverableLink } from "../helpers/severable_link.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { WritableWatch } from "../helpers/writable_watch.ts";

const TTL_MS = QUICK_TIMES.ttl * 1_000;

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "in failsafe mode all listed members together replace the store",
    ignore: etcdSkipReason() !== null,
    fn: async (t) => {
      await using cluster = await AgentCluster.create({
        dcs: "etcd",
        isQuick: true,
        bootstrapDcs: { failsafe_mode: true },
      });
      const first = cluster.member("n1");
      await using link = linkToStore(cluster, first);
      first.start();
      await cluster.untilLeader(["n1"]);
      cluster.member("n2").start();
      await cluster.until(
        "the map lists both",
        () => areListed(cluster, ["n1", "n2"]),
      );
      await WritableWatch.prepare(first);
      await using watch = new WritableWatch(cluster.members);
      await cutOff(t, { cluster, watch, link });
      await frozen(t, { cluster, watch });
      await oneSilent(t, { cluster, watch });
      await watch.end();
      assert.deepEqual(watch.violations(), []);
    },
  });
});

interface Scene {
  readonly cluster: AgentCluster;
  readonly watch: WritableWatch;
}

async function areListed(
  cluster: AgentCluster,
  names: readonly string[],
): Promise<boolean> {
  const map = await cluster.key("failsafe");
  return typeof map === "object" && map !== null &&
    Object.keys(map).sort().join() === names.join();
}

/** The leader takes writes at least that long after now. */
async function writesGoOn(
  { cluster, watch }: Scene,
  forMs: number,
): Promise<void> {
  const since = performance.now();
  await cluster.until(
    "n1 takes writes for longer than its lease",
    () => Promise.resolve(watch.hasAnsweredAfter(since + forMs, "n1")),
  );
}

async function cutOff(
  t: Deno.TestContext,
  { cluster, watch, link }: Scene & { readonly link: SeverableLink },
): Promise<void> {
  await step(t, "a leader cut off from the store goes on", async () => {
    link.sever();
    await cluster.until(
      "the leader key has expired",
      async () => (await cluster.keys())["leader"] === undefined,
    );
    await writesGoOn({ cluster, watch }, TTL_MS);
    const status = await cluster.member("n1").status();
    assert.equal(status?.["failsafe_mode_is_active"], true);
    assert.equal((await cluster.member("n1").rest("/primary")).status, 200);
  });
  await step(t, "a member that joins meanwhile does not lead", async () => {
    cluster.member("n3").start();
    await cluster.until(
      "n3 waits",
      () =>
        Promise.resolve(/waiting for leader/.test(cluster.member("n3").log())),
    );
    await writesGoOn({ cluster, watch }, 5_000);
    assert.equal((await cluster.keys())["leader"], undefined);
  });
  await step(t, "the key is its own again when it is back", async () => {
    link.heal();
    assert.equal((await cluster.untilWhole()).name, "n1");
    await cluster.until(
      "the map lists all",
      () => areListed(cluster, ["n1", "n2", "n3"]),
    );
    assert.equal(await timelineOf(cluster), 1);
    assert.equal(
      (await cluster.member("n1").status())?.["failsafe_mode_is_active"],
      undefined,
    );
  });
}

async function frozen(
  t: Deno.TestContext,
  { cluster, watch }: Scene,
): Promise<void> {
  await step(t, "a store that hangs for all costs nothing", async () => {
    cluster.etcd?.freeze();
    await writesGoOn({ cluster, watch }, TTL_MS + 5_000);
    cluster.etcd?.thaw();
    assert.equal((await cluster.untilWhole()).name, "n1");
    assert.equal(await timelineOf(cluster), 1);
  });
}

async function oneSilent(
  t: Deno.TestContext,
  { cluster, watch }: Scene,
): Promise<void> {
  await step(t, "with one silent the leader stops in time", async () => {
    // Their keys may have expired while the store hung.
    await cluster.until(
      "the map lists all",
      () => areListed(cluster, ["n1", "n2", "n3"]),
    );
    const frozenAt = performance.now();
    cluster.member("n3").signal("SIGSTOP");
    cluster.etcd?.freeze();
    await cluster.until("n1 is read-only", async () => {
      const [row] = await cluster.member("n1").sql(
        "SELECT pg_is_in_recovery() AS is_standby",
      );
      return row?.["is_standby"] === true;
    });
    assert.ok(watch.lastAnswerAt() < frozenAt + TTL_MS);
  });
  await step(t, "everything heals when they are back", async () => {
    cluster.member("n3").signal("SIGCONT");
    cluster.etcd?.thaw();
    await cluster.untilWhole();
  });
}

async function timelineOf(cluster: AgentCluster): Promise<unknown> {
  return (await cluster.member("n1").status())?.["timeline"];
}
