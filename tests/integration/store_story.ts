/**
 * What three members with real PostgreSQL do on any store: the command line finds
 * them, they hand the lead over on request, and replace a leader that lost the
 * store, or was lost itself; their proxies follow.
 */
import assert from "node:assert/strict";
import {
  type AgentCluster,
  type ClusterOptions,
  QUICK_TIMES,
} from "../helpers/agent_cluster.ts";
import {
  type AgentMember,
  runSql,
  type Section,
} from "../helpers/agent_member.ts";
import { commandLine } from "../helpers/command_line.ts";
import type { SeverableLink } from "../helpers/severable_link.ts";
import { step } from "../helpers/step.ts";
import { WritableWatch } from "../helpers/writable_watch.ts";

/** The member that {@link behindLink} sends another way. */
const LINKED = "n2";
const TTL_MS = QUICK_TIMES.ttl * 1_000;

/** What the story is played on; n1 leads. */
export interface StoreScene {
  readonly cluster: AgentCluster;
  /** The store's address for `-d`; null: it has none. */
  readonly url: string | null;
  /** n2's only way to the store. */
  readonly link: SeverableLink;
}

/** Options of a cluster on a store at `port`, which n2 reaches through a link alone. */
export function behindLink(
  { port, link, section }: {
    readonly port: number;
    readonly link: SeverableLink;
    readonly section: (port: number) => Section;
  },
): Required<Pick<ClusterOptions, "store" | "change">> {
  return {
    store: section(port),
    change: (config, { name }) =>
      name === LINKED ? { ...config, ...section(link.port) } : config,
  };
}

/** The story, in steps of the test. */
export async function storeStory(
  t: Deno.TestContext,
  { cluster, url, link }: StoreScene,
): Promise<void> {
  await step(
    t,
    "the command line finds it, by section and by URL",
    () => isListed(cluster, url),
  );
  await step(t, "the lead is handed over on request", () => handOver(cluster));
  await step(
    t,
    "a leader that alone is cut off stops before another leads",
    () => cutOff(cluster, link),
  );
  await step(t, "a lost leader is replaced", () => replace(cluster));
}

async function isListed(
  cluster: AgentCluster,
  url: string | null,
): Promise<void> {
  const member = cluster.member("n3");
  const byUrl = url === null ? [] : [["-d", url, "list", "batman"]];
  for (const words of [["list"], ...byUrl]) {
    const { code, text } = await commandLine(member, words);
    assert.equal(code, 0, text);
    assert.match(text, /n1 .*Leader.*running[^]*n2 .*Replica.*streaming/);
  }
}

async function handOver(cluster: AgentCluster): Promise<void> {
  const since = performance.now();
  const { status, text } = await cluster.member("n1").rest("/switchover", {
    method: "POST",
    body: { leader: "n1", candidate: LINKED },
  });
  assert.equal(status, 200, text);
  tellSeconds("handed over", since);
  assert.equal((await cluster.untilWhole()).name, LINKED);
  await isServed(cluster, cluster.member(LINKED), cluster.member("n1"));
}

/** The leader hears nothing of the store any more, and nothing else is wrong. */
async function cutOff(
  cluster: AgentCluster,
  link: SeverableLink,
): Promise<void> {
  const lonely = cluster.member(LINKED);
  await WritableWatch.prepare(lonely);
  await using watch = new WritableWatch(cluster.members);
  await takesWrites(cluster, watch, lonely);
  const severedAt = performance.now();
  link.sever();
  const next = await cluster.untilLeader(["n1", "n3"]);
  await takesWrites(cluster, watch, next);
  tellSeconds("another led", severedAt);
  // Its last renewal came before the cut, so that is when its right ended.
  assert.ok(watch.lastAnswerAt(LINKED) < severedAt + TTL_MS);
  // What it had sent meanwhile arrives now, and must change nothing.
  link.heal();
  assert.notEqual((await cluster.untilWhole()).name, LINKED);
  await watch.end();
  assert.deepEqual(watch.violations(), []);
}

async function takesWrites(
  cluster: AgentCluster,
  watch: WritableWatch,
  { name }: AgentMember,
): Promise<void> {
  await cluster.until(
    `${name} takes writes`,
    () => Promise.resolve(watch.last(name) !== undefined),
  );
}

async function replace(cluster: AgentCluster): Promise<void> {
  const lost = await cluster.untilWhole();
  const others = cluster.others(lost.name);
  const since = performance.now();
  await lost.killAll();
  const leader = await cluster.untilLeader(others.map(({ name }) => name));
  tellSeconds("another led", since);
  const third = others.find((member) => member !== leader) ?? leader;
  await isServed(cluster, leader, third);
  lost.start();
  assert.equal((await cluster.untilWhole()).name, leader.name);
}

/** A client of another member's proxy comes to the leader. */
async function isServed(
  cluster: AgentCluster,
  leader: AgentMember,
  { place }: AgentMember,
): Promise<void> {
  const port = place.proxyPorts?.primary ?? 0;
  await cluster.until("the proxy leads to it", async () => {
    const rows = await runSql(port, "SHOW port").catch(() => []);
    return Number(rows[0]?.["port"]) === leader.place.postgresPort;
  });
}

function tellSeconds(what: string, since: number): void {
  const seconds = (performance.now() - since) / 1000;
  console.log(`${what} after ${seconds.toFixed(1)} s`);
}
