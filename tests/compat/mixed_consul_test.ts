/**
 * A member of each kind in one scope on Consul: the lead goes both ways, on
 * request and when the leader is lost; our long lock delay and Patroni's short
 * one live beside each other.
 */
import assert from "node:assert/strict";
import type { AgentCluster } from "../helpers/agent_cluster.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { commandLine } from "../helpers/command_line.ts";
import { consulSkipReason } from "../helpers/consul_program.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { WritableWatch } from "../helpers/writable_watch.ts";
import { mixedCluster, named, switchOver } from "./mixed.ts";
import {
  exists,
  patronictl,
  patroniSkipReason,
  PYTHON_PATH,
} from "./programs.ts";

/** Twice the ttl, and a busy machine. */
const LOST_MS_MAX = 120_000;

function skipReason(): string | null {
  const reason = patroniSkipReason() ?? consulSkipReason();
  if (reason !== null || exists(`${PYTHON_PATH}/consul`)) return reason;
  const missing = `${PYTHON_PATH}/consul is missing`;
  if (Deno.env.get("CI") === "true") throw new Error(missing);
  return `${missing}; deno task test:compat gets it`;
}

const SKIP = skipReason();

unprivileged(import.meta.url, () => {
  const name = "a member of each kind on Consul" +
    (SKIP === null ? "" : `: ${SKIP}`);
  Deno.test({ name, ignore: SKIP !== null }, async (t) => {
    const kinds = ["matriarch", "patroni"] as const;
    await using cluster = await mixedCluster(kinds, {}, { dcs: "consul" });
    const [ours, patroni] = cluster.members;
    assert.ok(ours !== undefined && patroni !== undefined);
    await WritableWatch.prepare(ours);
    await using watch = new WritableWatch(cluster.members);
    await step(t, "both command lines show both", () => areListed(cluster));
    const scene = { t, cluster, mode: "async" } as const;
    await switchOver(scene, ours, patroni);
    await switchOver(scene, patroni, ours);
    await replace(t, cluster, [ours, patroni]);
    await replace(t, cluster, [patroni, ours]);
    await watch.end();
    await step(t, "never two primaries at once", () => {
      assert.deepEqual(watch.violations(), []);
      return Promise.resolve();
    });
  });
});

async function areListed(cluster: AgentCluster): Promise<void> {
  const [ours, patroni] = cluster.members;
  assert.ok(ours !== undefined && patroni !== undefined);
  const shown = /n1 .*Leader.*running[^]*n2 .*Replica.*streaming/;
  assert.match((await patronictl(ours, ["list"])).output, shown);
  assert.match((await commandLine(patroni, ["list"])).text, shown);
}

/** The leader is lost, its session ends by itself, and the other kind leads. */
async function replace(
  t: Deno.TestContext,
  cluster: AgentCluster,
  [lost, next]: readonly [AgentMember, AgentMember],
): Promise<void> {
  const name = `${named(next)} replaces ${named(lost)}, which comes back`;
  await step(t, name, async () => {
    const since = performance.now();
    await lost.killAll();
    await cluster.untilLeader([next.name], LOST_MS_MAX);
    const seconds = (performance.now() - since) / 1000;
    console.log(`${named(next)} led after ${seconds.toFixed(1)} s`);
    lost.start();
    assert.equal((await cluster.untilWhole(LOST_MS_MAX)).name, next.name);
  });
}
