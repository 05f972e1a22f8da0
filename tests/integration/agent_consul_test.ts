/**
 * Three members with real PostgreSQL on a real Consul: they make a cluster, hand
 * the lead over on request, and replace a leader that was lost; proxies and the
 * command line work as on any store.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { consulSkipReason } from "../helpers/consul_program.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { storeOutage } from "./store_outage.ts";
import { storeStory } from "./store_story.ts";

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
      const url = cluster.consul?.endpoint.replace("http:", "consul:") ?? "";
      await storeStory(t, cluster, url);
      assert.ok(cluster.consul !== null);
      // Its lock delay outlasts what the members agree on.
      const afterwards = "any";
      await storeOutage(t, { cluster, store: cluster.consul, afterwards });
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
