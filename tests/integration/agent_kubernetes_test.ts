/**
 * Three members with real PostgreSQL on a real API server of Kubernetes, with the
 * rights of docs/kubernetes/rbac.yaml and no others: the story of every store,
 * and a proxy on a host of its own. Their pods are objects that nobody runs.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { runSql } from "../helpers/agent_member.ts";
import { freePorts } from "../helpers/free_ports.ts";
import { kubernetesSkipReason } from "../helpers/kube_apiserver_program.ts";
import { KubernetesServer, MEMBER } from "../helpers/kubernetes.ts";
import { grantMember } from "../helpers/kubernetes_manifests.ts";
import { matriarchCommand } from "../helpers/program.ts";
import { SeverableLink } from "../helpers/severable_link.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { storeOutage } from "./store_outage.ts";
import { storeStory } from "./store_story.ts";

const skipReason = kubernetesSkipReason();
const LABELS = { application: "test" };
const POD_LABELS = { ...LABELS, "cluster-name": "batman" };
const ADDRESS = "10.123.4.5";

unprivileged(import.meta.url, () => {
  for (const kind of ["Endpoints", "ConfigMaps"] as const) {
    Deno.test({
      name: `a scope on Kubernetes with ${kind}` +
        (skipReason === null ? "" : ` (skipped: ${skipReason})`),
      ignore: skipReason !== null,
      fn: (t) => play(t, kind),
    });
  }
});

async function play(
  t: Deno.TestContext,
  kind: "Endpoints" | "ConfigMaps",
): Promise<void> {
  await using server = await KubernetesServer.start();
  for (const name of ["n1", "n2", "n3"]) {
    await server.makePod(name, POD_LABELS);
  }
  await grantMember(server);
  // For the agents, the command line and the test's own looks.
  Deno.env.set("KUBECONFIG", await server.kubeconfig(MEMBER));
  const hasEndpoints = kind === "Endpoints";
  await using link = new SeverableLink(server.port);
  await using cluster = await AgentCluster.create({
    ...{ isQuick: true, hasProxies: true },
    store: {
      kubernetes: {
        labels: LABELS,
        use_endpoints: hasEndpoints,
        pod_ip: ADDRESS,
      },
    },
  });
  // Kubernetes is no section's host, but a kubeconfig's.
  cluster.member("n2").environment = {
    KUBECONFIG: await server.kubeconfig(MEMBER, link.port),
  };
  await cluster.startAll();
  await step(
    t,
    "its objects and labels are Patroni's",
    () => isPatronis(cluster, server, kind),
  );
  await step(
    t,
    "a proxy on a host of its own leads to the leader",
    () => proxyAlone(cluster),
  );
  await storeStory(t, { cluster, url: null, link });
  await storeOutage(t, { cluster, store: server, afterwards: "the same" });
}

async function isPatronis(
  cluster: AgentCluster,
  server: KubernetesServer,
  kind: "Endpoints" | "ConfigMaps",
): Promise<void> {
  const folder = `/api/v1/namespaces/default/${kind.toLowerCase()}`;
  const name = kind === "Endpoints" ? "batman" : "batman-leader";
  const leader = await server.must("GET", `${folder}/${name}`);
  const { annotations } = Object(leader["metadata"]);
  assert.equal(annotations.leader, "n1");
  assert.equal(annotations.ttl, "7");
  assert.match(annotations.renewTime, /^\d{4}-.*\.\d{6}\+00:00$/);
  if (kind === "Endpoints") {
    assert.equal(Object(leader["subsets"])[0].addresses[0].ip, ADDRESS);
  }
  const config = await server.must("GET", `${folder}/batman-config`);
  assert.equal(
    JSON.parse(Object(config["metadata"]).annotations.config).ttl,
    7,
  );
  await cluster.until("each pod has its role", async () => {
    const roles = await Promise.all(["n1", "n2", "n3"].map(async (pod) => {
      const path = `/api/v1/namespaces/default/pods/${pod}`;
      return Object((await server.must("GET", path))["metadata"]).labels.role;
    }));
    return roles.join() === "primary,replica,replica";
  });
}

/** As on an application host: no member, the store and the ports are all it has. */
async function proxyAlone(cluster: AgentCluster): Promise<void> {
  const [primary = 0, replica = 0, stats = 0] = freePorts(3);
  const config = {
    scope: "batman",
    ...cluster.dcsSection,
    proxy: {
      listen: "127.0.0.1",
      primary_port: primary,
      replica_port: replica,
      stats_port: stats,
    },
  };
  const path = `${cluster.directory}/proxy.yml`;
  await Deno.writeTextFile(path, JSON.stringify(config));
  const process = matriarchCommand(["proxy", path], {
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    const { postgresPort } = cluster.member("n1").place;
    await cluster.until("it leads there", async () => {
      const rows = await runSql(primary, "SHOW port").catch(() => []);
      return Number(rows[0]?.["port"]) === postgresPort;
    });
  } finally {
    process.kill("SIGTERM");
    await process.status;
  }
}
