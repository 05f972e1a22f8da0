/**
 * Three members with real PostgreSQL on an emulated DynamoDB, whose table they
 * make: the story of every store, with credentials from AWS's variables.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { DYNALITE_KEYS, DynaliteServer } from "../helpers/dynalite.ts";
import { SeverableLink } from "../helpers/severable_link.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { storeOutage } from "./store_outage.ts";
import { behindLink, storeStory } from "./store_story.ts";

unprivileged(import.meta.url, () => {
  Deno.test("a scope on DynamoDB", async (t) => {
    Deno.env.set("AWS_ACCESS_KEY_ID", DYNALITE_KEYS.accessKeyId);
    Deno.env.set("AWS_SECRET_ACCESS_KEY", DYNALITE_KEYS.secretAccessKey);
    await using server = await DynaliteServer.start({ table: null });
    const port = Number(new URL(server.endpoint).port);
    await using link = new SeverableLink(port);
    await using cluster = await AgentCluster.running({
      ...behindLink({
        ...{ port, link },
        section: (at) => ({
          dynamodb: {
            ...{ endpoint: `http://127.0.0.1:${at}`, region: "local" },
            create_table: true,
          },
        }),
      }),
      ...{ isQuick: true, hasProxies: true },
    });
    await step(t, "it is one item of one table", async () => {
      const { TableNames } = await server.ask("ListTables", {});
      assert.deepEqual(TableNames, ["matriarch"]);
      const { Items } = await server.ask("Scan", { TableName: "matriarch" });
      assert.deepEqual(
        Items.map(({ scope }) => scope),
        [{ S: "/service/batman" }],
      );
    });
    const url = server.endpoint.replace("http:", "dynamodb:");
    await storeStory(t, { cluster, url, link });
    await storeOutage(t, { cluster, store: server, afterwards: "the same" });
  });
});
