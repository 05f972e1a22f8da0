/**
 * A pg_hba.conf that lets the agent itself no longer in: what a restart answers,
 * and what is said about it.
 */
import assert from "node:assert/strict";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

unprivileged(import.meta.url, () => {
  Deno.test("a pg_hba that locks the agent out", async () => {
    await using cluster = await AgentCluster.running({ members: 1 });
    const member = cluster.member("n1");
    const pg_hba = ["host all somebody 127.0.0.1/32 trust"];
    const { config } = member;
    const postgresql = { ...sectionOf(config, "postgresql"), pg_hba };
    member.config = { ...config, postgresql };
    member.writeConfig();
    member.signal("SIGHUP");
    await cluster.until("the lines are written", () =>
      Promise.resolve(
        Deno.readTextFileSync(`${member.dataDir}/pg_hba.conf`)
          .includes("somebody"),
      ));
    const { status, text } = await member.rest("/restart", {
      method: "POST",
      body: {},
    });
    assert.equal(status, 503);
    assert.match(
      text,
      /^restarted, but it does not answer the agent: no pg_hba\.conf entry for/,
    );
    await cluster.until("it says why it waits", async () => {
      const { text } = await member.rest("/explain");
      return /"PostgreSQL does not answer [^"]*no pg_hba\.conf entry/.test(
        text.replaceAll('\\"', ""),
      );
    });
    assert.doesNotMatch(member.log(), /PostgreSQL is still starting up/);
    member.config = config;
    member.writeConfig();
    member.signal("SIGHUP");
    assert.equal((await cluster.untilLeader()).name, "n1");
  });
});
