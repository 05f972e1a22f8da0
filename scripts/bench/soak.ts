/**
 * `deno task soak:proxy`: pools on the read-write and the read-only port and
 * pgbench with a connection per transaction, for minutes, while the leader is
 * switched over at random times. Every error must be one that was promised, and
 * every acknowledged row must be there.
 *
 * --minutes N (10), --port-base N (24000).
 */
import { parseArgs } from "node:util";
import pg from "pg";
import { etcdNodes, startEtcd } from "../../lib/lab/stores/etcd.ts";
import { connectionString } from "../../lib/lab/plan.ts";
import { killMarked } from "../../lib/lab/processes.ts";
import { runAs, unprivilegedAccount } from "../../lib/lab/unprivileged.ts";
import { benchPlan } from "./bench_plan.ts";
import { startMatriarch } from "./matriarch_side.ts";
import { explanation, SoakLoad, type Window } from "./soak_load.ts";
import type { System } from "./system.ts";

const DIRECTORY_VARIABLE = "MATRIARCH_SOAK_DIR";
const PAUSE_MS_MIN = 10_000;
const PAUSE_MS_MORE = 20_000;
/** Errors of a switchover may be seen a little later. */
const AFTERMATH_MS = 2_000;

interface Options {
  readonly minutes: number;
  readonly portBase: number;
}

function readOptions(): Options {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      minutes: { type: "string", default: "10" },
      "port-base": { type: "string", default: "24000" },
    },
  });
  return {
    minutes: Number(values.minutes),
    portBase: Number(values["port-base"]),
  };
}

function startLoads({ cluster, url }: System): readonly SoakLoad[] {
  const { plan } = cluster;
  const [first, second] = plan.members;
  const clients = 5;
  const at = (port: number): string => connectionString(plan, port);
  return [
    // Through a proxy of its own, and through those beside two members.
    new SoakLoad({ url, port: "read-write", clients, firstClient: 0 }),
    new SoakLoad({
      ...{ port: "read-write", clients, firstClient: 1_000 },
      url: at(first?.proxy.primary ?? 0),
    }),
    new SoakLoad({
      ...{ port: "read-only", clients, firstClient: 2_000 },
      url: at(second?.proxy.replica ?? 0),
    }),
  ];
}

/** A connection per transaction; pgbench counts what it loses. */
async function pgbench(system: System, seconds: number): Promise<string> {
  const { plan } = system.cluster;
  const script = `${plan.directory}/pgbench.sql`;
  await Deno.writeTextFile(script, "select pg_sleep(0.02);\n");
  const { stdout, stderr, code } = await new Deno.Command(
    `${plan.binDir}/pgbench`,
    {
      args: [
        ...["-h", "127.0.0.1", "-p", `${plan.proxy.primary}`, "-U", "postgres"],
        ...["-n", "-C", "-c", "3", "-T", `${seconds}`, "--max-tries=5"],
        ...["-f", script, "postgres"],
      ],
      env: { PGPASSWORD: plan.password },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    },
  ).output();
  const text = new TextDecoder();
  const kept = text.decode(stdout).split("\n").filter((line) =>
    /actually processed|failed/.test(line)
  );
  const aborted = text.decode(stderr).split("\n").filter((line) =>
    /aborted|error/i.test(line)
  );
  return [`pgbench: exit code ${code}`, ...kept, ...aborted].join("; ");
}

async function switchOverAtRandom(
  { cluster }: System,
  untilMs: number,
): Promise<readonly Window[]> {
  const windows: Window[] = [];
  while (true) {
    const pauseMs = PAUSE_MS_MIN + Math.random() * PAUSE_MS_MORE;
    if (Date.now() + pauseMs > untilMs) return windows;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    const leader = await cluster.leader();
    if (leader === null) throw new Error("There is no leader");
    const fromMs = Date.now();
    await cluster.switchover(leader);
    await cluster.untilWhole();
    const toMs = Date.now() + AFTERMATH_MS;
    windows.push({ fromMs, toMs });
    console.log(
      `switchover ${windows.length}: ${leader} -> ${await cluster.leader()}, ` +
        `whole after ${((Date.now() - fromMs) / 1000).toFixed(1)} s`,
    );
  }
}

async function rowsIn(system: System): Promise<number> {
  const client = new pg.Client({ connectionString: system.url });
  await client.connect();
  const { rows } = await client.query(
    "select count(*)::int as count from soak",
  );
  await client.end();
  return Number(rows[0]?.count);
}

/** Lines for people, and how many errors nothing explains. */
function report(
  loads: readonly SoakLoad[],
  windows: readonly Window[],
): number {
  const classes = new Map<string, number>();
  let unexplained = 0;
  for (const error of loads.flatMap(({ errors }) => errors)) {
    const why = explanation(error, windows);
    if (why === null) unexplained++;
    const text = `${error.port}, ${error.phase}, ${error.code} ` +
      `(${error.text}): ${
        why ?? `UNEXPLAINED ${placeIn(windows, error.atMs)}`
      }`;
    classes.set(text, (classes.get(text) ?? 0) + 1);
  }
  const sum = (of: (load: SoakLoad) => number): number =>
    loads.reduce((total, load) => total + of(load), 0);
  console.log(
    `${sum((one) => one.transactions)} transactions of pools, ` +
      `${sum((one) => one.begunAgain)} begun again, ` +
      `${
        sum((one) => one.errors.length)
      } errors, ${unexplained} unexplained, ` +
      `${windows.length} switchovers`,
  );
  for (const [text, count] of classes) console.log(`${count} x ${text}`);
  return unexplained;
}

/** When an error was seen, to be found in the logs. */
function placeIn(windows: readonly Window[], atMs: number): string {
  const number = windows.filter(({ fromMs }) => fromMs <= atMs).length;
  const sinceMs = atMs - (windows[number - 1]?.fromMs ?? atMs);
  return `${
    new Date(atMs).toISOString()
  }, ${sinceMs} ms into switchover ${number}`;
}

async function soakThrough(system: System, minutes: number): Promise<number> {
  await system.cluster.untilWhole();
  const setUp = new pg.Client({ connectionString: system.url });
  await setUp.connect();
  await setUp.query(
    "create table soak (client int, number int, primary key (client, number))",
  );
  await setUp.end();
  const untilMs = Date.now() + minutes * 60_000;
  const loads = startLoads(system);
  const bench = pgbench(system, minutes * 60);
  const windows = await switchOverAtRandom(system, untilMs);
  const restMs = Math.max(0, untilMs - Date.now());
  await new Promise((resolve) => setTimeout(resolve, restMs));
  for (const load of loads) await load.end();
  const benchText = await bench;
  console.log(benchText);
  const unexplained = report(loads, windows);
  const acknowledged = loads.reduce((sum, load) => sum + load.rows, 0);
  const found = await rowsIn(system);
  console.log(`${acknowledged} rows acknowledged, ${found} found`);
  const isBenchFine = /exit code 0.*failed transactions: 0 /s.test(benchText);
  return unexplained + (isBenchFine ? 0 : 1) + Number(found < acknowledged);
}

async function soak(directory: string, options: Options): Promise<number> {
  const nodes = etcdNodes(1, options.portBase + 100);
  const etcdPlan = { directory: `${directory}/etcd`, mark: directory, nodes };
  const etcd = await startEtcd(etcdPlan);
  const plan = benchPlan({
    directory: `${directory}/soak`,
    scope: "soak",
    portBase: options.portBase + 200,
    etcd: nodes,
  });
  try {
    const system = await startMatriarch(plan);
    try {
      return await soakThrough(system, options.minutes);
    } finally {
      await system.stop();
    }
  } finally {
    await etcd.stop();
    await killMarked(directory);
  }
}

/** The same program under an unprivileged user: PostgreSQL refuses root. */
async function runUnprivileged(directory: string): Promise<number> {
  const account = unprivilegedAccount();
  await Deno.chown(directory, account.uid, account.gid);
  const self = new URL(import.meta.url).pathname;
  return await runAs({
    account,
    home: directory,
    command: Deno.execPath(),
    args: ["run", "--allow-all", "--quiet", self, ...Deno.args],
    env: { [DIRECTORY_VARIABLE]: directory },
  });
}

async function main(): Promise<number> {
  const options = readOptions();
  const given = Deno.env.get(DIRECTORY_VARIABLE);
  if (given !== undefined) return Math.min(1, await soak(given, options));
  const directory = await Deno.makeTempDir({ prefix: "matriarch-soak-" });
  try {
    if (Deno.uid() === 0) return await runUnprivileged(directory);
    return Math.min(1, await soak(directory, options));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

if (import.meta.main) Deno.exit(await main());
