/**
 * `deno task bench:idle`: what three members take of a host and of etcd while
 * nothing happens, with this project and with Patroni + HAProxy. Both run at
 * the same time and are measured in the same minutes, each with an etcd of its
 * own (ttl 30, loop_wait 10). It measures; no test asserts on it.
 *
 * --seconds N (60), --rounds N (3), --settle SECONDS (60),
 * --systems patroni,matriarch, --mode off (as of bench:failover), --json FILE, --dir DIR (kept), --port-base N (23000).
 */
import { parseArgs } from "node:util";
import { etcdNodes, startEtcd } from "../../lib/lab/stores/etcd.ts";
import { killMarked } from "../../lib/lab/processes.ts";
import { pause } from "../../lib/lab/wait.ts";
import { benchPlan, type Mode, MODES } from "./bench_plan.ts";
import {
  type BenchPlace,
  runBesidePatroni,
  writeResult,
} from "./beside_patroni.ts";
import { idleCost, type IdleRound, readIdle } from "./idle_round.ts";
import { idleMarkdown } from "./idle_table.ts";
import { matriarchMembers } from "./matriarch_side.ts";
import { startPatroni } from "./patroni_side.ts";
import { type System, SYSTEM_NAMES, type SystemName } from "./system.ts";

const PORTS_PER_SYSTEM = 200;

interface Options {
  readonly seconds: number;
  readonly rounds: number;
  readonly settle: number;
  readonly systems: readonly SystemName[];
  readonly mode: Mode;
  /** Where the result is copied to; null: nowhere. */
  readonly json: string | null;
  /** Made for this run and removed after it if null. */
  readonly directory: string | null;
  readonly portBase: number;
}

/** A system with its etcd. */
interface Measured extends Pick<System, "name" | "cluster"> {
  readonly stop: () => Promise<void>;
}

function readOptions(): Options {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      seconds: { type: "string", default: "60" },
      rounds: { type: "string", default: "3" },
      settle: { type: "string", default: "60" },
      systems: { type: "string", default: SYSTEM_NAMES.join(",") },
      mode: { type: "string", default: "off" },
      json: { type: "string" },
      dir: { type: "string" },
      "port-base": { type: "string", default: "23000" },
    },
  });
  const names = values.systems.split(",");
  return {
    seconds: Number(values.seconds),
    rounds: Number(values.rounds),
    settle: Number(values.settle),
    systems: SYSTEM_NAMES.filter((name) => names.includes(name)),
    mode: MODES.find((mode) => mode === values.mode) ?? "off",
    json: values.json ?? null,
    directory: values.dir ?? null,
    portBase: Number(values["port-base"]),
  };
}

/** One system and its own etcd, whose counters then tell of nobody else. */
async function startSystem(
  name: SystemName,
  directory: string,
  { portBase, pythonPath, mode }: {
    readonly portBase: number;
    readonly pythonPath: string;
    readonly mode: Mode;
  },
): Promise<Measured> {
  const nodes = etcdNodes(1, portBase + 100);
  const etcd = await startEtcd({
    directory: `${directory}/etcd_${name}`,
    mark: `${directory}/etcd_${name}`,
    nodes,
  });
  const plan = benchPlan({
    directory: `${directory}/${name}`,
    scope: `idle_${name}`,
    portBase,
    etcd: nodes,
    mode,
  });
  if (name === "patroni") {
    const { cluster, stop } = await startPatroni(plan, pythonPath);
    return { name, cluster, stop: () => stop().then(etcd.stop) };
  }
  const cluster = matriarchMembers(plan);
  await cluster.start();
  return { name, cluster, stop: () => cluster.stop().then(etcd.stop) };
}

async function measure(
  systems: readonly Measured[],
  options: Options,
): Promise<IdleRound[]> {
  const rounds: IdleRound[] = [];
  await pause(options.settle * 1000);
  for (let round = 1; round <= options.rounds; round++) {
    const plans = systems.map(({ cluster }) => cluster.plan);
    const before = await Promise.all(plans.map(readIdle));
    await pause(options.seconds * 1000);
    const after = await Promise.all(plans.map(readIdle));
    for (const [at, { name, cluster }] of systems.entries()) {
      const [start, end] = [before[at], after[at]];
      if (start === undefined || end === undefined) continue;
      const members = cluster.plan.members.length;
      const cost = idleCost(start, end, members);
      rounds.push({ system: name, round, ...cost });
      console.log(JSON.stringify({ system: name, round, ...cost }));
    }
    console.log(`load: ${Deno.loadavg().map((one) => one.toFixed(1))}`);
  }
  return rounds;
}

async function bench(
  { directory, pythonPath }: BenchPlace,
  options: Options,
): Promise<void> {
  const started = options.systems.map((name, index) =>
    startSystem(name, directory, {
      portBase: options.portBase + PORTS_PER_SYSTEM * index,
      pythonPath,
      mode: options.mode,
    })
  );
  try {
    const systems = await Promise.all(started);
    for (const { cluster } of systems) await cluster.untilWhole();
    const rounds = await measure(systems, options);
    console.log(`\n${idleMarkdown(rounds)}`);
    await writeResult({ directory }, rounds);
  } finally {
    const settled = await Promise.allSettled(started);
    await Promise.allSettled(
      settled.map((s) => s.status === "fulfilled" ? s.value.stop() : null),
    );
    await killMarked(directory);
  }
}

if (import.meta.main) {
  const options = readOptions();
  Deno.exit(
    await runBesidePatroni({
      ...options,
      script: import.meta.url,
      measure: (place) => bench(place, options),
    }),
  );
}
