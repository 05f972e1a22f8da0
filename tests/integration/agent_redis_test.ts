/**
 * Three members with real PostgreSQL on a real Redis: the story of every store,
 * and a crash of the store in the middle.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { RedisServer, redisSkipReason } from "../helpers/redis.ts";
import { SeverableLink } from "../helpers/severable_link.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { storeOutage } from "./store_outage.ts";
import { behindLink, storeStory } from "./store_story.ts";

const skipReason = redisSkipReason();

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "a scope on Redis" +
      (skipReason === null ? "" : ` (skipped: ${skipReason})`),
    ignore: skipReason !== null,
    fn: async (t) => {
      await using server = await RedisServer.start();
      const { port } = server;
      await using link = new SeverableLink(port);
      await using cluster = await AgentCluster.running({
        ...behindLink({
          ...{ port, link },
          section: (at) => ({ redis: { hosts: `127.0.0.1:${at}` } }),
        }),
        ...{ isQuick: true, hasProxies: true },
      });
      await step(t, "it is one hash", async () => {
        const keys = await server.ask("KEYS", "*");
        assert.equal(keys, "matriarch:{/service/batman}");
      });
      await step(t, "a crash of Redis costs nobody the lead", async () => {
        await server.kill();
        await server.startAgain();
        assert.equal((await cluster.untilWhole()).name, "n1");
      });
      const url = `redis://127.0.0.1:${port}`;
      await storeStory(t, { cluster, url, link });
      await storeOutage(t, { cluster, store: server, afterwards: "the same" });
    },
  });
});
