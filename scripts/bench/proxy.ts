/**
 * `deno task bench:proxy`: this project's proxy beside HAProxy, in turns, in one
 * run, in front of one PostgreSQL: transactions, CPU per transaction and per MB,
 * new connections, bulk data, latency, memory with idle sessions.
 *
 * --rounds N (9), --seconds N (2: of each measurement), --warm N (15: seconds
 * that clients which stay work before the first one), --pause N (0: seconds of
 * rest after each measurement, for a machine that others use too), --json FILE,
 * --trixie DIR (a root with HAProxy 3.0; default: made by debootstrap in
 * .cache/bench if run as root), --only a,b.
 */
import { parseArgs } from "node:util";
import { HeldSessions } from "./held_sessions.ts";
import { idleMemory, measureLoad, type Sample } from "./proxy_loads.ts";
import { BenchStore } from "./bench_store.ts";
import { BenchPostgres, type BenchProxy, startProxies } from "./proxy_sides.ts";
import { summaryTable } from "./proxy_table.ts";

/** What the proxy's own control does must not be felt by clients. */
const CHANGING = "select, 16 clients, member keys change 10 times a second";

const LOADS = [
  { name: "select, 1 client", kind: "select", clients: 1 },
  { name: "select, 16 clients", kind: "select", clients: 16 },
  { name: "select, 64 clients", kind: "select", clients: 64 },
  { name: CHANGING, kind: "select", clients: 16 },
  { name: "new connections, 8 clients", kind: "connect", clients: 8 },
  { name: "bulk, 1 client", kind: "bulk", clients: 1 },
] as const;

/** One thing to measure. */
export type Load = typeof LOADS[number];

const IDLE_COUNTS = [1_000, 10_000];

function options() {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      rounds: { type: "string", default: "9" },
      seconds: { type: "string", default: "2" },
      warm: { type: "string", default: "15" },
      pause: { type: "string", default: "0" },
      json: { type: "string" },
      trixie: { type: "string" },
      only: { type: "string", default: "" },
    },
  });
  return values;
}

interface Stage {
  readonly proxies: readonly BenchProxy[];
  readonly seconds: number;
  /** How long clients that stay work before they are measured. */
  readonly warmS: number;
  readonly pauseS: number;
  /** Changes the keys until the signal. */
  readonly change: (signal: AbortSignal) => Promise<void>;
}

async function measureAll(
  stage: Stage,
  count: number,
): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  for (const load of LOADS) {
    const measured = load.kind === "select"
      ? await held(stage, load, count)
      : await renewed(stage, load, count);
    for (const { proxy, rate, cpuUs, p99Ms } of measured) {
      console.error(
        `${load.name} ${proxy}: ${Math.round(rate)}/s, ` +
          `${cpuUs.toFixed(1)} us, p99 ${p99Ms ?? "-"} ms`,
      );
    }
    samples.push(...measured);
  }
  return samples;
}

/** Clients that stay; each proxy has its own. */
async function held(
  stage: Stage,
  load: Load,
  count: number,
): Promise<readonly Sample[]> {
  const changing = new AbortController();
  const changed = load.name === CHANGING ? stage.change(changing.signal) : null;
  await using all = new AsyncDisposableStack();
  const clients = new Map<BenchProxy, HeldSessions>();
  for (const proxy of stage.proxies) {
    const sessions = await HeldSessions.open(proxy, load, stage.warmS);
    clients.set(proxy, all.use(sessions));
  }
  for (let round = 0; round < count; round++) {
    for (const proxy of inTurn(stage.proxies, round)) {
      await clients.get(proxy)?.measure(stage.seconds);
      await rest(stage);
    }
  }
  const samples: Sample[] = [];
  for (const one of clients.values()) samples.push(...await one.samples());
  changing.abort();
  await changed;
  return samples;
}

/** Clients that come anew each time. A first round does not count. */
async function renewed(
  stage: Stage,
  load: Load,
  count: number,
): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  for (let round = 0; round <= count; round++) {
    for (const proxy of inTurn(stage.proxies, round)) {
      const sample = await measureLoad(proxy, load, stage.seconds);
      if (round > 0) samples.push(sample);
      await rest(stage);
    }
  }
  return samples;
}

/** The first one is another one each round. */
function inTurn(
  proxies: readonly BenchProxy[],
  round: number,
): readonly BenchProxy[] {
  const turn = round % proxies.length;
  return [...proxies.slice(turn), ...proxies.slice(0, turn)];
}

function rest({ pauseS }: Stage): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, pauseS * 1000));
}

async function bench(): Promise<void> {
  const given = options();
  await using postgres = await BenchPostgres.start();
  const only = given.only.split(",").filter(Boolean);
  const trixie = given.trixie ?? null;
  await using store = await BenchStore.start();
  const { port } = postgres;
  const parts = { port, store, scope: "bench", only, trixie };
  await using proxies = await startProxies(parts);
  const samples = await measureAll({
    proxies: proxies.list,
    seconds: Number(given.seconds),
    warmS: Number(given.warm),
    pauseS: Number(given.pause),
    change: (signal) => store.change("bench", port, signal),
  }, Number(given.rounds));
  await proxies.stop();
  const memory = await idleMemory(
    (port) => startProxies({ ...parts, port, scope: "idle" }),
    IDLE_COUNTS,
  );
  const table = summaryTable(samples, memory);
  console.log(table);
  if (given.json === undefined) return;
  const result = { at: new Date().toISOString(), samples, memory };
  await Deno.writeTextFile(given.json, JSON.stringify(result, null, 2));
}

if (import.meta.main) await bench();
