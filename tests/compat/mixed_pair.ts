/**
 * A member of each kind in one scope, on any store: the lead goes both ways,
 * on request and when the leader is lost, first asynchronous, then by quorum.
 */
import assert from "node:assert/strict";
import type { AgentCluster } from "../helpers/agent_cluster.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { commandLine } from "../helpers/command_line.ts";
import { step } from "../helpers/step.ts";
import { WritableWatch } from "../helpers/writable_watch.ts";
import {
  named,
  patchConfig,
  type Scene,
  switchOver,
  untilInSync,
} from "./mixed.ts";
import { patronictl } from "./programs.ts";

/** The longest lock of any store, twice the ttl of 20 s, and a busy machine. */
const LOST_MS_MAX = 120_000;

/** Ours is n1, Patroni's is n2; n1 leads at the beginning and at the end. */
export async function playPair(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const { ours, patroni } = pairOf(cluster);
  await step(t, "both command lines show both", () => areListed(cluster));
  await WritableWatch.prepare(ours);
  await watched({ t, cluster, mode: "async" }, playAsync);
  await patchConfig(patroni, { synchronous_mode: "quorum" });
  await watched({ t, cluster, mode: "quorum" }, playQuorum);
}

function pairOf(
  cluster: AgentCluster,
): { readonly ours: AgentMember; readonly patroni: AgentMember } {
  const [ours, patroni] = cluster.members;
  assert.ok(ours !== undefined && patroni !== undefined);
  return { ours, patroni };
}

/** Each mode has its own watch: asynchronous rows may be lost. */
async function watched(
  scene: Scene,
  play: (scene: Scene, watch: WritableWatch) => Promise<void>,
): Promise<void> {
  await using watch = new WritableWatch(scene.cluster.members);
  await play(scene, watch);
  await watch.end();
  await step(scene.t, `${scene.mode}: never two primaries at once`, () => {
    assert.notEqual(watch.acknowledged.length, 0);
    assert.deepEqual(watch.violations(), []);
    return Promise.resolve();
  });
}

async function playAsync(scene: Scene): Promise<void> {
  const { ours, patroni } = pairOf(scene.cluster);
  await switchOver(scene, ours, patroni);
  await switchOver(scene, patroni, ours);
  await replace(scene, [ours, patroni]);
  await replace(scene, [patroni, ours]);
}

async function playQuorum(scene: Scene, watch: WritableWatch): Promise<void> {
  const { ours, patroni } = pairOf(scene.cluster);
  await keepsSync(scene, ours);
  await switchOver(scene, ours, patroni);
  await keepsSync(scene, patroni);
  await switchOver(scene, patroni, ours);
  for (const [lost, next] of [[ours, patroni], [patroni, ours]] as const) {
    await keepsSync(scene, lost);
    // A row by quorum takes every earlier one to the standby.
    await untilWritten(scene, watch, lost);
    await replace(scene, [lost, next], watch);
  }
  await keepsSync(scene, ours);
}

/** The leader's sync key is what both kinds write for one standby. */
async function keepsSync(scene: Scene, leader: AgentMember): Promise<void> {
  const { t, cluster, mode } = scene;
  await step(t, `${mode}: ${named(leader)} keeps the sync key`, async () => {
    await untilInSync(scene, leader);
    const { leader: name, sync_standby, quorum } = Object(
      await cluster.key("sync"),
    );
    const [standby] = cluster.others(leader.name);
    assert.deepEqual(
      { name, sync_standby, quorum },
      { name: leader.name, sync_standby: standby?.name, quorum: 0 },
    );
    const [row] = await leader.sql("SHOW synchronous_standby_names");
    assert.match(
      String(row?.["synchronous_standby_names"]),
      new RegExp(`^ANY 1 \\("?${standby?.name}"?\\)$`),
    );
  });
}

async function untilWritten(
  { cluster }: Scene,
  watch: WritableWatch,
  leader: AgentMember,
): Promise<void> {
  const since = performance.now();
  await cluster.until(
    `${leader.name} acknowledges a row`,
    () => Promise.resolve(watch.hasAnsweredAfter(since, leader.name)),
  );
}

/**
 * The leader is lost with all of its processes, its lock ends by itself, and
 * the other kind leads. With a watch: it has every acknowledged row.
 */
async function replace(
  { t, cluster, mode }: Scene,
  [lost, next]: readonly [AgentMember, AgentMember],
  watch: WritableWatch | null = null,
): Promise<void> {
  const title = `${mode}: ${named(next)} replaces ${named(lost)}`;
  await step(t, title, async () => {
    const since = performance.now();
    await lost.killAll();
    await cluster.untilLeader([next.name], LOST_MS_MAX);
    const seconds = (performance.now() - since) / 1000;
    console.log(`${named(next)} led after ${seconds.toFixed(1)} s`);
    if (watch !== null) assert.deepEqual(await watch.lostOn(next), []);
  });
  await step(t, `${mode}: ${named(lost)} comes back`, async () => {
    lost.start();
    assert.equal((await cluster.untilWhole(LOST_MS_MAX)).name, next.name);
    if (watch !== null) assert.deepEqual(await watch.lostOn(next), []);
  });
}

async function areListed(cluster: AgentCluster): Promise<void> {
  const { ours, patroni } = pairOf(cluster);
  const shown = /n1 .*Leader.*running[^]*n2 .*Replica.*streaming/;
  assert.match((await patronictl(ours, ["list"])).output, shown);
  assert.match((await commandLine(patroni, ["list"])).text, shown);
}
