/**
 * A member of each kind in one scope on a real API server of Kubernetes: the lead
 * goes both ways, on request and when the leader is lost, and each times the
 * other's record by itself.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { kubernetesSkipReason } from "../helpers/kube_apiserver_program.ts";
import { KubernetesServer, MEMBER } from "../helpers/kubernetes.ts";
import { grantMember } from "../helpers/kubernetes_manifests.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { playPair } from "./mixed_pair.ts";
import { patronictl, patroniSkipReason, setKind } from "./programs.ts";

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
  await playPair(t, cluster);
  await step(t, "patronictl switches ours over", () => byPatronictl(cluster));
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

async function byPatronictl(cluster: AgentCluster): Promise<void> {
  const ours = cluster.member("n1");
  await cluster.untilWhole();
  const words = ["switchover", "--force", "--candidate", "n2"];
  const { code, output, errors } = await patronictl(ours, words);
  assert.equal(code, 0, output + errors);
  assert.equal((await cluster.untilWhole()).name, "n2");
}
