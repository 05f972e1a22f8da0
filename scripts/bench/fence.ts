/**
 * `deno task bench:fence`: how long nobody takes writes after the leader's agent
 * was killed, or frozen, for good; whether two members ever took writes at once;
 * and what the fence costs while nothing happens. Three members, etcd, ttl 30,
 * loop_wait 10. It measures; no test asserts on a duration.
 *
 * --rounds N (5), --idle SECONDS (60), --dir DIR (kept), --port-base N (27000).
 */
import { parseArgs } from "node:util";
import { leaderOf } from "../../lib/lab/cluster_status.ts";
import { etcdNodes, startEtcd } from "../../lib/lab/stores/etcd.ts";
import type { LabCluster } from "../../lib/lab/lab_cluster.ts";
import { connectionString } from "../../lib/lab/plan.ts";
import { killMarked } from "../../lib/lab/processes.ts";
import { runAs, unprivilegedAccount } from "../../lib/lab/unprivileged.ts";
import { pause, waitFor } from "../../lib/lab/wait.ts";
import { benchPlan } from "./bench_plan.ts";
import { DirectWriters } from "./direct_writers.ts";
import { startMatriarch } from "./matriarch_side.ts";
import { median } from "./report.ts";

const DIRECTORY_VARIABLE = "MATRIARCH_BENCH_DIR";
const FAULTS = ["SIGKILL", "SIGSTOP"] as const;

type Fault = (typeof FAULTS)[number];

/** One fault; milliseconds after it. */
interface Round {
  readonly fault: Fault;
  /** The last write that the old leader acknowledged. */
  readonly lastMs: number;
  /** The first one of the next leader. */
  readonly firstMs: number;
  readonly overlaps: number;
}

function options() {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      rounds: { type: "string", default: "5" },
      idle: { type: "string", default: "60" },
      dir: { type: "string" },
      "port-base": { type: "string", default: "27000" },
    },
  });
  return values;
}

/** A fault at any moment of the loop, until the cluster is whole again. */
async function measure(cluster: LabCluster, fault: Fault): Promise<Round> {
  const { plan } = cluster;
  const leader = leaderOf(await cluster.untilWhole()) ?? "?";
  const urls = plan.members.map(({ name, postgresPort }) =>
    [name, connectionString(plan, postgresPort)] as const
  );
  await using writers = new DirectWriters(new Map(urls));
  await waitFor("the leader to take writes", () => writers.last(leader), {
    timeoutMs: 20_000,
  });
  await pause(Math.random() * plan.timing.loopWait * 1000);
  const since = performance.now();
  cluster.agents.signal(leader, fault);
  const first = await waitFor(
    "another member to take writes",
    () => writers.firstElsewhere(leader, since),
    { timeoutMs: 90_000, everyMs: 20 },
  );
  const last = writers.last(leader)?.answeredAt ?? since;
  // The fence has ended a frozen one.
  cluster.agents.start(leader);
  await cluster.untilWhole();
  return {
    fault,
    lastMs: Math.round(last - since),
    firstMs: Math.round(first.answeredAt - since),
    overlaps: writers.overlaps(),
  };
}

/** Nanoseconds of processor that a process has had, all threads together. */
function cpuNs(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/task`)].reduce((sum, { name }) => {
    const path = `/proc/${pid}/task/${name}/schedstat`;
    return sum + Number(Deno.readTextFileSync(path).split(" ")[0]);
  }, 0);
}

/** Percent of one processor that each member's proxy process takes, by what its fence does. */
async function idleCost(cluster: LabCluster, seconds: number) {
  const proxies = await Promise.all(
    cluster.plan.members.map(async ({ proxy }) => {
      const url = `http://127.0.0.1:${proxy.stats}/stats`;
      const { pid, fence } = await (await fetch(url)).json();
      return { pid: Number(pid), state: String(fence.state) };
    }),
  );
  const before = proxies.map(({ pid }) => cpuNs(pid));
  await pause(seconds * 1000);
  return proxies.map(({ pid, state }, at) => ({
    state,
    percent: (cpuNs(pid) - (before[at] ?? 0)) / (seconds * 1e9) * 100,
  }));
}

function table(rounds: readonly Round[]): string {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const rows = FAULTS.map((fault) => {
    const mine = rounds.filter((round) => round.fault === fault);
    const firsts = mine.map(({ firstMs }) => firstMs);
    const lasts = mine.map(({ lastMs }) => lastMs);
    const overlaps = mine.reduce((sum, round) => sum + round.overlaps, 0);
    return `| ${fault} of the leader's agent | ${mine.length} ` +
      `| ${seconds(median(firsts))} | ${seconds(Math.max(...firsts))} ` +
      `| ${seconds(median(lasts))} | ${overlaps} |`;
  });
  return [
    "| Fault | Rounds | New leader, median | Maximum | Old leader's last write | Overlaps |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

async function bench(directory: string): Promise<void> {
  const given = options();
  const portBase = Number(given["port-base"]);
  const etcd = etcdNodes(1, portBase + 100);
  const store = await startEtcd({
    directory: `${directory}/etcd`,
    mark: directory,
    nodes: etcd,
  });
  try {
    const { cluster, url, stop } = await startMatriarch(benchPlan({
      directory: `${directory}/matriarch`,
      scope: "bench_fence",
      portBase: portBase + 200,
      etcd,
    }));
    await cluster.untilWhole();
    await DirectWriters.prepare(url);
    for (const { state, percent } of await idleCost(cluster, +given.idle)) {
      console.log(`idle proxy, fence ${state}: ${percent.toFixed(3)} %`);
    }
    const rounds: Round[] = [];
    for (let round = 0; round < Number(given.rounds); round++) {
      for (const fault of FAULTS) {
        const result = await measure(cluster, fault);
        console.log(JSON.stringify(result));
        rounds.push(result);
      }
    }
    console.log(`\n${table(rounds)}`);
    await stop();
  } finally {
    await store.stop();
    await killMarked(directory);
  }
}

/** PostgreSQL refuses root. */
async function asOrdinaryUser(directory: string): Promise<number> {
  const account = unprivilegedAccount();
  await Deno.chown(directory, account.uid, account.gid);
  const script = new URL(import.meta.url).pathname;
  return await runAs({
    account,
    home: directory,
    command: Deno.execPath(),
    args: ["run", "--allow-all", "--quiet", script, ...Deno.args],
    env: { [DIRECTORY_VARIABLE]: directory },
  });
}

async function main(): Promise<number> {
  const given = Deno.env.get(DIRECTORY_VARIABLE);
  if (given !== undefined) {
    await bench(given);
    return 0;
  }
  const kept = options().dir ?? null;
  const directory = kept ??
    await Deno.makeTempDir({ prefix: "matriarch-bench-" });
  await Deno.mkdir(directory, { recursive: true });
  try {
    if (Deno.uid() === 0) return await asOrdinaryUser(directory);
    await bench(directory);
    return 0;
  } finally {
    if (kept === null) await Deno.remove(directory, { recursive: true });
  }
}

if (import.meta.main) Deno.exit(await main());
