/**
 * Three members with real PostgreSQL whose scope is kept on another PostgreSQL:
 * the story of every store, and the store's own restart in the middle.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { SeverableLink } from "../helpers/severable_link.ts";
import { step } from "../helpers/step.ts";
import { STORE_PASSWORD, StorePostgres } from "../helpers/store_postgres.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { storeOutage } from "./store_outage.ts";
import { behindLink, storeStory } from "./store_story.ts";

unprivileged(import.meta.url, () => {
  Deno.test("a scope on PostgreSQL", async (t) => {
    await using server = await StorePostgres.start({}, [
      "host all reader 127.0.0.1/32 trust",
    ]);
    await server.sql(
      `CREATE USER keeper PASSWORD '${STORE_PASSWORD.replaceAll("'", "''")}'`,
    );
    await server.sql("CREATE SCHEMA matriarch AUTHORIZATION keeper");
    await server.sql("CREATE USER reader IN ROLE keeper");
    const { port } = server;
    await using link = new SeverableLink(port);
    const login = { username: "keeper", password: STORE_PASSWORD };
    await using cluster = await AgentCluster.running({
      ...behindLink({
        ...{ port, link },
        section: (at) => ({
          pgstore: { hosts: `127.0.0.1:${at}`, ...login },
        }),
      }),
      ...{ isQuick: true, hasProxies: true },
    });
    await step(t, "it is one row of one table", async () => {
      const rows = await server.sql("SELECT scope FROM matriarch.scopes");
      assert.deepEqual(rows.map(({ scope }) => scope), ["/service/batman"]);
    });
    await step(t, "a crash of the store costs nobody the lead", async () => {
      await server.crash();
      assert.equal((await cluster.untilWhole()).name, "n1");
    });
    const url = `pgstore://reader@127.0.0.1:${port}`;
    await storeStory(t, { cluster, url, link });
    await storeOutage(t, { cluster, store: server, afterwards: "the same" });
  });
});
