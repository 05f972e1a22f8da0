/**
 * Three members with real PostgreSQL on a real Consul: they make a cluster, hand
 * the lead over on request, and replace a leader that was lost; proxies and the
 * command line work as on any store.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { ConsulServer } from "../helpers/consul.ts";
import { consulSkipReason } from "../helpers/consul_program.ts";
import { SeverableLink } from "../helpers/severable_link.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { storeOutage } from "./store_outage.ts";
import { behindLink, storeStory } from "./store_story.ts";

const skipReason = consulSkipReason();

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "a scope on Consul" +
      (skipReason === null ? "" : ` (skipped: ${skipReason})`),
    ignore: skipReason !== null,
    fn: async (t) => {
      await using server = await ConsulServer.start();
      const { port } = server;
      await using link = new SeverableLink(port);
      await using cluster = await AgentCluster.running({
        ...behindLink({
          ...{ port, link },
          section: (at) => ({
            consul: { host: `127.0.0.1:${at}`, register_service: true },
          }),
        }),
        ...{ isQuick: true, hasProxies: true },
      });
      await step(
        t,
        "its keys and services are Patroni's",
        () => isPatronis(cluster, server),
      );
      const url = server.endpoint.replace("http:", "consul:");
      await storeStory(t, { cluster, url, link });
      // Its lock delay outlasts what the members agree on.
      await storeOutage(t, { cluster, store: server, afterwards: "any" });
    },
  });
});

async function isPatronis(
  cluster: AgentCluster,
  consul: ConsulServer,
): Promise<void> {
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
