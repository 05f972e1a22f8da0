/**
 * Three members with real PostgreSQL on a real API server of Kubernetes: they
 * make a cluster, hand the lead over on request, and replace a leader that was
 * lost, with the rights of docs/kubernetes/rbac.yaml and no others; proxies and
 * the command line work as on any store. A leader that is cut off stops before
 * the others count it as gone. Their pods are objects that nobody runs.
 */
import assert from "node:assert/strict";
import { AgentCluster, QUICK_TIMES } from "../helpers/agent_cluster.ts";
import { type AgentMember, runSql } from "../helpers/agent_member.ts";
import { commandLine } from "../helpers/command_line.ts";
import { freePorts } from "../helpers/free_ports.ts";
import { kubernetesSkipReason } from "../helpers/kube_apiserver_program.ts";
import { KubernetesServer, MEMBER } from "../helpers/kubernetes.ts";
import { grantMember } from "../helpers/kubernetes_manifests.ts";
import { matriarchCommand } from "../helpers/program.ts";
import { SeverableLink } from "../helpers/severable_link.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { WritableWatch } from "../helpers/writable_watch.ts";

const skipReason = kubernetesSkipReason();
const LABELS = { application: "test" };
const POD_LABELS = { ...LABELS, "cluster-name": "batman" };
const ADDRESS = "10.123.4.5";
const TTL_MS = QUICK_TIMES.ttl * 1_000;

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
  cluster.member("n1").environment = {
    KUBECONFIG: await server.kubeconfig(MEMBER, link.port),
  };
  await cluster.startAll();
  await step(
    t,
    "its objects and labels are Patroni's",
    () => isPatronis(cluster, server, kind),
  );
  await step(t, "the command line finds it", () => isListed(cluster));
  await step(
    t,
    "a proxy on a host of its own leads to the leader",
    () => proxyAlone(cluster),
  );
  await step(t, "the lead is handed over on request", () => handOver(cluster));
  await step(t, "a lost leader is replaced", () => replace(cluster));
  await step(t, "one that is cut off stops first", () => cutOff(cluster, link));
  await step(
    t,
    "nobody leads without a store, and then somebody does again",
    () => storeAway(cluster, server),
  );
}

/** n1 leads, and hears nothing of the API server any more. */
async function cutOff(
  cluster: AgentCluster,
  link: SeverableLink,
): Promise<void> {
  const first = cluster.member("n1");
  const leader = await cluster.untilWhole();
  if (leader !== first) {
    const { status, text } = await leader.rest("/switchover", {
      method: "POST",
      body: { leader: leader.name, candidate: "n1" },
    });
    assert.equal(status, 200, text);
    await cluster.untilWhole();
  }
  await WritableWatch.prepare(first);
  await using watch = new WritableWatch(cluster.members);
  await cluster.until(
    "n1 takes writes",
    () => Promise.resolve(watch.last("n1") !== undefined),
  );
  const severedAt = performance.now();
  link.sever();
  const next = await cluster.untilLeader(["n2", "n3"]);
  await cluster.until(
    "the new leader takes writes",
    () => Promise.resolve(watch.last(next.name) !== undefined),
  );
  assert.ok(watch.lastAnswerAt("n1") < severedAt + TTL_MS);
  link.heal();
  assert.notEqual((await cluster.untilWhole()).name, "n1");
  await watch.end();
  assert.deepEqual(watch.violations(), []);
}

async function storeAway(
  cluster: AgentCluster,
  server: KubernetesServer,
): Promise<void> {
  const leader = await cluster.untilWhole();
  await using watch = new WritableWatch(cluster.members);
  await cluster.until(
    "it takes writes",
    () => Promise.resolve(watch.last(leader.name) !== undefined),
  );
  const frozenAt = performance.now();
  server.freeze();
  try {
    await cluster.until("it leads no more", async () => {
      const status = await leader.status();
      return status !== null && status["role"] !== "primary";
    });
    assert.ok(watch.lastAnswerAt(leader.name) < frozenAt + TTL_MS);
  } finally {
    server.thaw();
  }
  const again = await cluster.untilWhole();
  await watch.end();
  assert.deepEqual(watch.violations(), []);
  assert.deepEqual(await watch.lostOn(again), []);
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

async function isListed(cluster: AgentCluster): Promise<void> {
  const { code, text } = await commandLine(cluster.member("n2"), ["list"]);
  assert.equal(code, 0, text);
  assert.match(text, /n1 .*Leader.*running[^]*n2 .*Replica.*streaming/);
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

async function handOver(cluster: AgentCluster): Promise<void> {
  const since = performance.now();
  const { status, text } = await cluster.member("n1").rest("/switchover", {
    method: "POST",
    body: { leader: "n1", candidate: "n2" },
  });
  assert.equal(status, 200, text);
  const seconds = (performance.now() - since) / 1000;
  console.log(`handed over after ${seconds.toFixed(1)} s`);
  assert.equal((await cluster.untilWhole()).name, "n2");
  await isServed(cluster, cluster.member("n2"));
}

async function replace(cluster: AgentCluster): Promise<void> {
  const lost = cluster.member("n2");
  const since = performance.now();
  await lost.killAll();
  const leader = await cluster.untilLeader(["n1", "n3"]);
  const seconds = (performance.now() - since) / 1000;
  console.log(`another led after ${seconds.toFixed(1)} s`);
  await isServed(cluster, leader);
  lost.start();
  assert.equal((await cluster.untilWhole()).name, leader.name);
}

/** A client of any proxy comes to the leader. */
async function isServed(
  cluster: AgentCluster,
  leader: AgentMember,
): Promise<void> {
  const { proxyPorts } = cluster.others("n2")[0]?.place ?? {};
  const port = proxyPorts?.primary ?? 0;
  await cluster.until("the proxy leads to it", async () => {
    const rows = await runSql(port, "SHOW port").catch(() => []);
    return Number(rows[0]?.["port"]) === leader.place.postgresPort;
  });
}
