/**
 * Three members with real PostgreSQL on a real ZooKeeper: they make a cluster,
 * hand the lead over on request, and replace a leader that was lost; a server that
 * starts anew costs nothing; proxies and the command line work as on any store.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { SeverableLink } from "../helpers/severable_link.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { ZookeeperServer } from "../helpers/zookeeper.ts";
import { beside, nodesOf } from "../helpers/zookeeper_nodes.ts";
import { zookeeperSkipReason } from "../helpers/zookeeper_program.ts";
import { storeOutage } from "./store_outage.ts";
import { behindLink, storeStory } from "./store_story.ts";

const skipReason = zookeeperSkipReason();

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "a scope on ZooKeeper" +
      (skipReason === null ? "" : ` (skipped: ${skipReason})`),
    ignore: skipReason !== null,
    fn: async (t) => {
      await using server = await ZookeeperServer.start();
      const { port } = server;
      await using link = new SeverableLink(port);
      await using cluster = await AgentCluster.running({
        ...behindLink({
          ...{ port, link },
          section: (at) => ({ zookeeper: { hosts: [`127.0.0.1:${at}`] } }),
        }),
        ...{ isQuick: true, hasProxies: true },
      });
      await step(t, "its nodes are Patroni's", () => isPatronis(server));
      const url = `zookeeper://127.0.0.1:${port}`;
      await storeStory(t, { cluster, url, link });
      await step(
        t,
        "a server that starts anew costs nobody the lead",
        () => restart(cluster, server),
      );
      await storeOutage(t, { cluster, store: server, afterwards: "the same" });
    },
  });
});

async function isPatronis({ port }: ZookeeperServer): Promise<void> {
  await beside({ port }, async (connection) => {
    const { nodes } = await nodesOf(connection, "/service/batman");
    const ownerOf = (key: string) => nodes.get(key)?.stat.owner;
    assert.equal(ownerOf("members/n1"), ownerOf("leader"));
    assert.notEqual(ownerOf("leader"), 0n);
    assert.notEqual(ownerOf("members/n2"), ownerOf("leader"));
    for (const key of ["", "members", "config", "initialize", "status"]) {
      assert.equal(ownerOf(key), 0n, key);
    }
  });
}

/** The store is away for less than a lease. */
async function restart(
  cluster: AgentCluster,
  server: ZookeeperServer,
): Promise<void> {
  const leader = await cluster.untilWhole();
  const { timeline } = Object(await leader.status());
  await server.kill();
  server.restart();
  await server.untilServing();
  assert.equal((await cluster.untilWhole()).name, leader.name);
  assert.equal(Object(await leader.status()).timeline, timeline);
}
