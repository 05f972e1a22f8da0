/**
 * A member of each kind in one scope on a real API server of Kubernetes: the lead
 * goes both ways, on request and when the leader is lost, and each times the
 * other's record by itself.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { commandLine } from "../helpers/command_line.ts";
import { kubernetesSkipReason } from "../helpers/kube_apiserver_program.ts";
import { KubernetesServer, MEMBER } from "../helpers/kubernetes.ts";
import { grantMember } from "../helpers/kubernetes_manifests.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { WritableWatch } from "../helpers/writable_watch.ts";
import { named, patchConfig, switchOver } from "./mixed.ts";
import { patronictl, patroniSkipReason, setKind } from "./programs.ts";

/** The ttl of 20 s, a cycle, and a busy machine. */
const LOST_MS_MAX = 90_000;
const LABELS = { application: "test" };
const POD_LABELS = { ...LABELS, "cluster-name": "batman" };
const SKIP = patroniSkipReason() ?? kubernetesSkipReason();

unprivileged(import.meta.url, () => {
  for (const kind of ["Endpoints", "ConfigMaps"] as const) {
    const name = `a member of each kind on Kubernetes with ${kind}` +
      (SKIP === null ? "" : `: ${SKIP}`);
    Deno.test({ name, ignore: SKIP !== null }, (t) => play(t, kind));
  }
});

async function play(
  t: Deno.TestContext,
  kind: "Endpoints" | "ConfigMaps",
): Promise<void> {
  await using server = await KubernetesServer.start();
  for (const name of ["n1", "n2"]) await server.makePod(name, POD_LABELS);
  await grantMember(server);
  Deno.env.set("KUBECONFIG", await server.kubeconfig(MEMBER));
  await using cluster = await mixed(kind);
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
  await patchConfig(patroni, { synchronous_mode: "quorum" });
  const inQuorum = { t, cluster, mode: "quorum" } as const;
  await switchOver(inQuorum, ours, patroni);
  await switchOver(inQuorum, patroni, ours);
  await step(t, "patronictl switches ours over", () => byPatronictl(cluster));
  await watch.end();
  await step(t, "never two primaries at once", () => {
    assert.deepEqual(watch.violations(), []);
    return Promise.resolve();
  });
}

/** Ours is n1 and leads first. */
async function mixed(kind: "Endpoints" | "ConfigMaps"): Promise<AgentCluster> {
  const cluster = await AgentCluster.create({
    members: 2,
    store: {
      kubernetes: {
        labels: LABELS,
        use_endpoints: kind === "Endpoints",
        pod_ip: "10.123.4.5",
        context: "test",
      },
    },
  });
  try {
    cluster.members.forEach((member, at) => {
      setKind(member, at === 0 ? "matriarch" : "patroni");
    });
    await cluster.startAll();
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

async function areListed(cluster: AgentCluster): Promise<void> {
  const [ours, patroni] = cluster.members;
  assert.ok(ours !== undefined && patroni !== undefined);
  const shown = /n1 .*Leader.*running[^]*n2 .*Replica.*streaming/;
  assert.match((await patronictl(ours, ["list"])).output, shown);
  assert.match((await commandLine(patroni, ["list"])).text, shown);
}

/** The leader is lost, nobody hears of it any more, and the other kind leads. */
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

async function byPatronictl(cluster: AgentCluster): Promise<void> {
  const ours = cluster.member("n1");
  await cluster.untilWhole();
  const words = ["switchover", "--force", "--candidate", "n2"];
  const { code, output, errors } = await patronictl(ours, words);
  assert.equal(code, 0, output + errors);
  assert.equal((await cluster.untilWhole()).name, "n2");
}
