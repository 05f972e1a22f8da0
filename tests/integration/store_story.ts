/**
 * What three members with real PostgreSQL do on any store: the command line finds
 * them, they hand the lead over on request, and replace a leader that was lost;
 * their proxies follow.
 */
import assert from "node:assert/strict";
import type { AgentCluster } from "../helpers/agent_cluster.ts";
import { type AgentMember, runSql } from "../helpers/agent_member.ts";
import { commandLine } from "../helpers/command_line.ts";
import { step } from "../helpers/step.ts";

/** The story, in steps of the test; `url`: the store's address for `-d`. */
export async function storeStory(
  t: Deno.TestContext,
  cluster: AgentCluster,
  url: string,
): Promise<void> {
  await step(
    t,
    "the command line finds it, by section and by URL",
    () => isListed(cluster, url),
  );
  await step(t, "the lead is handed over on request", () => handOver(cluster));
  await step(t, "a lost leader is replaced", () => replace(cluster));
}

async function isListed(cluster: AgentCluster, url: string): Promise<void> {
  const member = cluster.member("n2");
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
