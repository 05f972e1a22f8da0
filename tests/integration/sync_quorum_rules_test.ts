/**
 * The rules of synchronous mode `quorum`, and of changing between the modes while
 * clients write.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { pastCycles } from "../helpers/cycles.ts";
import { etcdSkipReason } from "../helpers/etcd.ts";
import {
  patch,
  standbyNames,
  syncKey,
  SyncWatch,
  untilSync,
} from "../helpers/sync_watch.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { WritableWatch } from "../helpers/writable_watch.ts";

const ROUNDS = 2;

interface Scene {
  readonly cluster: AgentCluster;
  readonly watch: WritableWatch;
}

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "the rules of synchronous mode quorum",
    ignore: etcdSkipReason() !== null,
    fn: async (t) => {
      await using cluster = await AgentCluster.running({
        dcs: "etcd",
        bootstrapDcs: { synchronous_mode: "quorum" },
      });
      const first = cluster.member("n1");
      await WritableWatch.prepare(first);
      await using watch = new WritableWatch(cluster.members);
      const scene = { cluster, watch };
      await numbers(t, cluster);
      await laggard(t, scene);
      await switchovers(t, scene);
      for (let round = 1; round <= ROUNDS; round++) {
        await step(
          t,
          `killed leader ${round}: the votes find all commits`,
          () => killLeader(scene),
        );
      }
      await fallBack(t, scene);
      await modes(t, scene);
      await watch.end();
      assert.deepEqual(watch.violations(), []);
    },
  });
});

async function numbers(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const leader = cluster.member("n1");
  await step(t, "one of two acknowledges, a winner needs a vote", async () => {
    await untilSync(cluster, leader, anyOne(["n2", "n3"]));
  });
  await step(t, "synchronous_node_count 2: both, and no vote", async () => {
    await patch(cluster, { synchronous_node_count: 2 });
    await untilSync(cluster, leader, {
      names: "ANY 2 (n2,n3)",
      standbys: ["n2", "n3"],
    });
    await patch(cluster, { synchronous_node_count: 1 });
    await untilSync(cluster, leader, anyOne(["n2", "n3"]));
  });
}

/** A commit that one standby alone acknowledged must not be out of sight when that one leaves. */
async function laggard(
  t: Deno.TestContext,
  { cluster, watch }: Scene,
): Promise<void> {
  await step(t, "who lags does not decide alone", async () => {
    const leader = cluster.member("n1");
    const [quick, slow] = [cluster.member("n2"), cluster.member("n3")];
    const [row] = await slow.sql("SELECT pid FROM pg_stat_wal_receiver");
    const receiver = Number(row?.["pid"]);
    Deno.kill(receiver, "SIGSTOP");
    try {
      const count = watch.acknowledged.length;
      await cluster.until(
        "n2 alone acknowledges",
        () => Promise.resolve(watch.acknowledged.length > count + 5),
      );
      await quick.killAll();
      await cluster.until(
        "commits wait for n3",
        async () => await standbyNames(leader) === "ANY 1 (n3)",
      );
      for (let look = 0; look < 3; look++) {
        await pastCycles(cluster, leader);
        const { quorum, standbys } = await syncKey(cluster);
        const isAlone = quorum === 0 && standbys.includes("n3");
        assert.ok(!isAlone, "n3 decides alone");
      }
    } finally {
      Deno.kill(receiver, "SIGCONT");
    }
    await untilSync(cluster, leader, anyOne(["n3"]));
    quick.start();
    assert.equal((await cluster.untilWhole()).name, "n1");
    await untilSync(cluster, leader, anyOne(["n2", "n3"]));
  });
}

/** One of these acknowledges, so a winner needs the votes of all but one. */
function anyOne(standbys: readonly string[]) {
  const names = `ANY 1 (${standbys.join(",")})`;
  return { names, standbys, quorum: standbys.length - 1 };
}

async function switchovers(t: Deno.TestContext, scene: Scene): Promise<void> {
  const { cluster } = scene;
  for (const candidate of ["n3", undefined]) {
    await step(t, `switchover to ${candidate ?? "anybody"}`, async () => {
      const old = await cluster.untilWhole();
      const body = { leader: old.name, candidate };
      const answer = await old.rest("/switchover", { method: "POST", body });
      assert.equal(answer.status, 200, answer.text);
      const next = await cluster.untilWhole();
      assert.equal(next.name, candidate ?? next.name);
      assert.notEqual(next.name, old.name);
      await settled(scene, next);
    });
  }
}

/** The new leader has everything, and the numbers are right again. */
async function settled(
  { cluster, watch }: Scene,
  leader: AgentMember,
): Promise<void> {
  assert.deepEqual(await watch.lostOn(leader), []);
  const others = cluster.others(leader.name).map(({ name }) => name);
  await untilSync(cluster, leader, anyOne(others));
}

async function killLeader(scene: Scene): Promise<void> {
  const { cluster, watch } = scene;
  const old = await cluster.untilWhole();
  const count = watch.acknowledged.length;
  await cluster.until(
    "writes are acknowledged",
    () => Promise.resolve(watch.acknowledged.length > count + 5),
  );
  await old.killAll();
  await cluster.expireLeader();
  const next = await cluster.untilLeader(
    cluster.others(old.name).map(({ name }) => name),
  );
  assert.deepEqual(await watch.lostOn(next), []);
  old.start();
  assert.equal((await cluster.untilWhole()).name, next.name);
  await settled(scene, next);
}

async function fallBack(t: Deno.TestContext, scene: Scene): Promise<void> {
  const { cluster, watch } = scene;
  await step(t, "alone the leader falls back, and comes back", async () => {
    const leader = await cluster.untilLeader();
    for (const other of cluster.others(leader.name)) await other.killAll();
    await untilSync(cluster, leader, { names: "", standbys: [] });
    const count = watch.acknowledged.length;
    await cluster.until(
      "writes go on",
      () => Promise.resolve(watch.acknowledged.length > count),
    );
    for (const other of cluster.others(leader.name)) other.start();
    await settled(scene, await cluster.untilWhole());
  });
  await step(
    t,
    "strict: alone the leader waits for those it knows",
    async () => {
      await patch(cluster, { synchronous_mode_strict: true });
      const leader = await cluster.untilLeader();
      const others = cluster.others(leader.name);
      for (const other of others) await other.killAll();
      const count = watch.acknowledged.length;
      await cluster.until("a commit waits", async () => {
        const rows = await leader.sql(
          "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
        );
        return rows.length > 0;
      });
      assert.ok(watch.acknowledged.length <= count + 1);
      // Of both, or of the one that it saw dying last.
      const names = others.map(({ name }) => name);
      const known = [names, ...names.map((name) => [name])]
        .map((some) => anyOne(some).names);
      assert.ok(known.includes(await standbyNames(leader)));
      for (const other of others) other.start();
      await settled(scene, await cluster.untilWhole());
      await patch(cluster, { synchronous_mode_strict: null });
    },
  );
}

async function modes(t: Deno.TestContext, scene: Scene): Promise<void> {
  const { cluster } = scene;
  const leader = await cluster.untilWhole();
  const others = cluster.others(leader.name).map(({ name }) => name);
  await using sync = new SyncWatch(cluster);
  await step(t, "from quorum to on", async () => {
    await patch(cluster, { synchronous_mode: "on" });
    await cluster.until("one of them has the duty", async () => {
      const { standbys, quorum } = await syncKey(cluster);
      const names = await standbyNames(leader);
      return standbys.length === 1 && quorum === 0 && names === standbys[0];
    });
  });
  await step(t, "from on to quorum", async () => {
    await patch(cluster, { synchronous_mode: "quorum" });
    await untilSync(cluster, leader, anyOne(others));
  });
  await step(t, "from quorum to off", async () => {
    await patch(cluster, { synchronous_mode: null });
    await cluster.until("nobody is synchronous", async () => {
      const { leader: named } = await syncKey(cluster);
      return named === null && await standbyNames(leader) === "";
    });
  });
  await step(t, "from off to quorum", async () => {
    await patch(cluster, { synchronous_mode: "quorum" });
    await untilSync(cluster, leader, anyOne(others));
    await killLeader(scene);
  });
  assert.deepEqual(sync.violations, []);
}
