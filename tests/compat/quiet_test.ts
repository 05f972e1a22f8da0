/**
 * What a quiet scope asks of etcd: calls and stream messages per member and
 * minute at the usual ttl 30 and loop_wait 10, ours beside Patroni's. Ours may
 * not be more.
 */
import assert from "node:assert/strict";
import { type AgentCluster } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { mixedCluster } from "./mixed.ts";
import { type Kind, patroniSkipReason } from "./programs.ts";

const SKIP = patroniSkipReason();
const WINDOW_MS = 60_000;
const SETTLED_CYCLES = 2;
const TIMES = { ttl: 30, loop_wait: 10, retry_timeout: 10 } as const;

/** Per member and minute. */
interface Load {
  readonly unary: number;
  readonly streamed: number;
  readonly byMethod: Readonly<Record<string, number>>;
}

unprivileged(import.meta.url, () => {
  const name = "a quiet scope asks no more of etcd than Patroni does" +
    (SKIP === null ? "" : `: ${SKIP}`);
  Deno.test({ name, ignore: SKIP !== null }, async (t) => {
    const ours = await load(t, "matriarch");
    const theirs = await load(t, "patroni");
    assert.ok(ours.unary <= theirs.unary, "calls");
    assert.ok(ours.streamed <= theirs.streamed, "stream messages");
  });
});

async function load(t: Deno.TestContext, kind: Kind): Promise<Load> {
  await using cluster = await mixedCluster([kind, kind, kind], TIMES);
  let result: Load = { unary: 0, streamed: 0, byMethod: {} };
  await step(t, `${kind}: one quiet minute`, async () => {
    await settled(cluster);
    const before = await counters(cluster);
    await new Promise((resolve) => setTimeout(resolve, WINDOW_MS));
    result = difference(before, await counters(cluster), cluster);
    console.log(
      `${kind}: ${result.unary.toFixed(1)} calls and ` +
        `${result.streamed.toFixed(1)} stream messages per member and minute`,
      result.byMethod,
    );
  });
  return result;
}

/** Some whole cycles have passed since the scope became whole. */
async function settled(cluster: AgentCluster): Promise<void> {
  await cluster.untilWhole();
  const ms = SETTLED_CYCLES * TIMES.loop_wait * 1000;
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** `unary Put` and `bidi_stream LeaseKeepAlive`: messages received by etcd. */
async function counters(
  cluster: AgentCluster,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const endpoint of cluster.etcd?.endpoints ?? []) {
    const text = await (await fetch(`${endpoint}/metrics`)).text();
    const line =
      /^grpc_server_msg_received_total\{grpc_method="(\w+)",.*grpc_type="(\w+)"\} ([0-9.e+]+)$/gm;
    for (const [, method = "", type = "", count] of text.matchAll(line)) {
      const name = `${type} ${method}`;
      counts.set(name, (counts.get(name) ?? 0) + Number(count));
    }
  }
  return counts;
}

function difference(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  cluster: AgentCluster,
): Load {
  const byMethod = Object.fromEntries(
    [...after].map(([name, count]) =>
      [
        name,
        (count - (before.get(name) ?? 0)) / cluster.members.length,
      ] as const
    ).filter(([, count]) => count > 0),
  );
  const sum = (isUnary: boolean): number =>
    Object.entries(byMethod).reduce(
      (total, [name, count]) =>
        name.startsWith("unary ") === isUnary ? total + count : total,
      0,
    );
  return { unary: sum(true), streamed: sum(false), byMethod };
}
