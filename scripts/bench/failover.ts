/**
 * `deno task bench:failover`: what a client feels of four kinds of failure,
 * with Patroni + HAProxy and with this project, measured in turns by the same
 * meter on the same machine and the same etcd (ttl 30, loop_wait 10).
 *
 * --mode off (or on, quorum: synchronous, and takeover on our side; fencing:
 * asynchronous, two members, and a fencing command on ours; the rows about hosts), --client node (or psycopg2, Debian's python3-psycopg2), --rounds N
 * (5), --patroni-rounds N (as many; a round of Patroni's takes three times as
 * long), --systems patroni,matriarch, --scenarios switchover,..., --json FILE,
 * --dir DIR (kept), --port-base N (21000).
 */
import { parseArgs } from "node:util";
import { type EtcdNode, etcdNodes } from "../../lib/lab/stores/etcd.ts";
import { MeterProcess } from "../../lib/lab/meter_process.ts";
import { type CommandLine, killMarked } from "../../lib/lab/processes.ts";
import { runAct, STEP_KINDS } from "../../lib/lab/steps.ts";
import { BenchEtcd } from "./bench_etcd.ts";
import { benchPlan, type Mode, MODES } from "./bench_plan.ts";
import {
  type BenchPlace,
  runBesidePatroni,
  writeResult,
} from "./beside_patroni.ts";
import { startMatriarch } from "./matriarch_side.ts";
import { startPatroni } from "./patroni_side.ts";
import { markdown, type Round, summaries } from "./report.ts";
import {
  LOSSES,
  needsHosts,
  SCENARIO_KINDS,
  SCENARIO_TITLES,
  type ScenarioKind,
  scenarioOf,
} from "./scenarios.ts";
import {
  type Rounds,
  roundsOf,
  type System,
  SYSTEM_NAMES,
  SYSTEM_TITLES,
  type SystemName,
} from "./system.ts";

interface Options {
  readonly rounds: Rounds;
  readonly client: Client;
  readonly systems: readonly SystemName[];
  readonly scenarios: readonly ScenarioKind[];
  readonly mode: Mode;
  /** Where the result is copied to; null: nowhere. */
  readonly json: string | null;
  /** Made for this run and removed after it if null. */
  readonly directory: string | null;
  readonly portBase: number;
}

const CLIENTS = ["node", "psycopg2"] as const;

/** Which driver writes. */
type Client = typeof CLIENTS[number];

const METERS: Readonly<Record<Client, CommandLine>> = {
  node: {
    command: Deno.execPath(),
    args: ["run", "--allow-all", "--quiet", pathOf("meter.ts")],
  },
  // Debian's packages are made for Debian's own Python.
  psycopg2: {
    command: "/usr/bin/python3",
    args: [pathOf("psycopg2_meter.py")],
  },
};

const MANNERS: Readonly<
  Record<Client, { readonly pauseMs: number; readonly silenceMs: number }>
> = {
  node: { pauseMs: 10, silenceMs: 15_000 },
  psycopg2: { pauseMs: 5, silenceMs: 15_000 },
};

function pathOf(file: string): string {
  return new URL(file, import.meta.url).pathname;
}

function chosen<T extends string>(text: string, all: readonly T[]): T[] {
  const names = text.split(",");
  const unknown = names.filter((name) => !all.some((known) => known === name));
  if (unknown.length > 0) {
    throw new TypeError(`Unknown: ${unknown.join(", ")}; wanted: ${all}`);
  }
  return all.filter((known) => names.includes(known));
}

function readOptions(): Options {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      rounds: { type: "string", default: "5" },
      "patroni-rounds": { type: "string" },
      systems: { type: "string", default: SYSTEM_NAMES.join(",") },
      client: { type: "string", default: "node" },
      mode: { type: "string", default: "off" },
      scenarios: { type: "string", default: STEP_KINDS.join(",") },
      json: { type: "string" },
      dir: { type: "string" },
      "port-base": { type: "string", default: "21000" },
    },
  });
  const mode = chosen(values.mode, MODES)[0] ?? "off";
  const scenarios = chosen(values.scenarios, SCENARIO_KINDS);
  if (mode === "fencing" && scenarios.some((kind) => !LOSSES.has(kind))) {
    throw new TypeError(
      `With --mode fencing only what ends a host: ${[...LOSSES]}`,
    );
  }
  return {
    rounds: roundsOf(values.rounds, values["patroni-rounds"]),
    client: chosen(values.client, CLIENTS)[0] ?? "node",
    systems: chosen(values.systems, SYSTEM_NAMES),
    ...{ scenarios, mode },
    json: values.json ?? null,
    directory: values.dir ?? null,
    portBase: Number(values["port-base"]),
  };
}

function startSystems(
  directory: string,
  options: Options,
  pythonPath: string,
): Promise<System>[] {
  const etcd = nodesFor(options);
  return options.systems.map((name, index) => {
    const plan = benchPlan({
      directory: `${directory}/${name}`,
      scope: `bench_${name}`,
      portBase: options.portBase + 100 * (index + 2),
      etcd,
      mode: options.mode,
    });
    return name === "patroni"
      ? startPatroni(plan, pythonPath)
      : startMatriarch(plan);
  });
}

/** One beside each member where hosts are lost, else one for all. */
function nodesFor({ scenarios, portBase }: Options): EtcdNode[] {
  return etcdNodes(needsHosts(scenarios) ? 3 : 1, portBase + 100);
}

/** What one round is about. */
interface Task {
  readonly kind: ScenarioKind;
  readonly client: Client;
  readonly etcd: BenchEtcd;
}

async function measure(
  system: System,
  { kind, client, etcd }: Task,
): Promise<Omit<Round, "round">> {
  const meter = new MeterProcess(
    { ...METERS[client], mark: system.cluster.plan.directory },
    { url: system.url, table: "bench_rows", ...MANNERS[client] },
  );
  try {
    const { cluster } = system;
    const delayMs = Math.random() * cluster.plan.timing.loopWait * 1000;
    const scenario = scenarioOf(kind, cluster, etcd);
    const prepare = async (leader: string): Promise<void> => {
      await scenario.prepare(leader);
      await system.untilReady();
    };
    const plan = { ...scenario, prepare };
    const result = await runAct({ cluster, meter, delayMs }, plan);
    return { kind, ...result, system: system.name };
  } finally {
    await meter[Symbol.asyncDispose]();
  }
}

/** A round that failed is said and left out; the run goes on. */
async function tryRound(
  system: System,
  task: Task,
  round: number,
): Promise<Round | null> {
  const what = `${SCENARIO_TITLES[task.kind]}, ${
    SYSTEM_TITLES[system.name]
  }, ${round}`;
  const begun = performance.now();
  try {
    const result = { ...await measure(system, task), round };
    const tookMs = performance.now() - begun;
    console.log(
      `${what}: gap ${result.gapMs} ms, ${result.errors} errors, ` +
        `${result.acknowledged} rows, ${result.lost} lost ` +
        `(${result.oldLeader} -> ${result.newLeader}), ` +
        `took ${(tookMs / 1000).toFixed(0)} s`,
    );
    return result;
  } catch (error) {
    console.log(`${what}: FAILED: ${error}`);
    for (const { name } of system.cluster.agents.ended()) {
      system.cluster.agents.start(name);
    }
    return null;
  }
}

async function measureAll(
  systems: readonly System[],
  options: Options,
  etcd: BenchEtcd,
): Promise<Round[]> {
  const rounds: Round[] = [];
  const { client, scenarios } = options;
  const most = Math.max(...systems.map(({ name }) => options.rounds[name]));
  for (const kind of scenarios) {
    for (let round = 1; round <= most; round++) {
      for (const system of systems) {
        if (round > options.rounds[system.name]) continue;
        const task = { kind, client, etcd };
        const result = await tryRound(system, task, round);
        if (result !== null) rounds.push(result);
      }
    }
  }
  return rounds;
}

async function bench(
  { directory, pythonPath }: BenchPlace,
  options: Options,
): Promise<void> {
  const nodes = nodesFor(options);
  const etcd = await BenchEtcd.start({
    directory: `${directory}/etcd`,
    mark: directory,
    nodes,
  });
  const started = startSystems(directory, options, pythonPath);
  try {
    const systems = await Promise.all(started);
    for (const system of systems) await system.cluster.untilWhole();
    const rounds = await measureAll(systems, options, etcd);
    const rows = summaries(rounds);
    console.log(`\n${markdown(rows)}`);
    await writeResult({ directory }, { summaries: rows, rounds });
  } finally {
    const settled = await Promise.allSettled(started);
    await Promise.allSettled(
      settled.map((s) => s.status === "fulfilled" ? s.value.stop() : null),
    );
    await etcd.stop();
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
