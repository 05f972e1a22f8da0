/**
 * Three members with real PostgreSQL on a real Consul: they make a cluster, hand
 * the lead over on request, and replace a leader that was lost; proxies and the
 * command line work as on any store.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { type AgentMember, runSql } from "../helpers/agent_member.ts";
import { commandLine } from "../helpers/command_line.ts";
import { consulSkipReason } from "../helpers/consul_program.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const skipReason = consulSkipReason();

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "a scope on Consul" +
      (skipReason === null ? "" : ` (skipped: ${skipReason})`),
    ignore: skipReason !== null,
    fn: async (t) => {
      await using cluster = await AgentCluster.running({
        ...{ dcs: "consul", isQuick: true, hasProxies: true },
        change: (config) => ({
          ...config,
          consul: { ...Object(config["consul"]), register_service: true },
        }),
      });
      await step(
        t,
        "its keys and services are Patroni's",
        () => isPatronis(cluster),
      );
      await step(
        t,
        "the command line finds it, by section and by URL",
        () => isListed(cluster),
      );
      await step(
        t,
        "the lead is handed over on request",
        () => handOver(cluster),
      );
      await step(t, "a lost leader is replaced", () => replace(cluster));
    },
  });
});

async function isPatronis(cluster: AgentCluster): Promise<void> {
  const { consul } = cluster;
  assert.ok(consul !== null);
  const rows = await consul.ask("GET", "kv/service/batman/?recurse");
  assert.ok(Array.isArray(rows));
  const sessionOf = (key: string): unknown =>
    rows.find((row) => row.Key === `service/batman/${key}`)?.Session;
  assert.ok(typeof sessionOf("leader") === "string");
  assert.equal(sessionOf("members/n1"), sessionOf("leader"));
  assert.notEqual(sessionOf("members/n2"), sessionOf("leader"));
  assert.equal(sessionOf("config"), undefined);
  await cluster.until("each member is a service with its role", async () => {
    const services: Record<string, { readonly Tags: readonly string[] }> =
      Object(await consul.ask("GET", "agent/services"));
    return services["batman/n1"]?.Tags.join() === "primary,master" &&
      services["batman/n2"]?.Tags.join() === "replica" &&
      services["batman/n3"]?.Tags.join() === "replica";
  });
}

async function isListed(cluster: AgentCluster): Promise<void> {
  const member = cluster.member("n2");
  const url = cluster.consul?.endpoint.replace("http:", "consul:") ?? "";
  for (const words of [["list"], ["-d", url, "list", "batman"]]) {
    const { code, text } = await commandLine(member, words);
    assert.equal(code, 0, text);
    assert.match(text, /n1 .*Leader.*running[^]*n2 .*Replica.*streaming/);
  }
}

async function handOver(cluster: AgentCluster): Promise<void> {
  const { status, text } = await cluster.member("n1").rest("/switchover", {
    method: "POST",
    body: { leader: "n1", candidate: "n2" },
  });
  assert.equal(status, 200, text);
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
