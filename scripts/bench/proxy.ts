/**
 * `deno task bench:proxy`: this project's proxy beside HAProxy, in turns, in one
 * run, in front of one PostgreSQL: transactions, CPU per transaction and per MB,
 * new connections, bulk data, latency, memory with idle sessions. A round that
 * does not count comes first.
 *
 * --rounds N (3), --seconds N (3), --pause N (0: seconds of rest after each
 * measurement, for a machine that others use too), --json FILE, --trixie DIR (a root with HAProxy
 * 3.0; default: made by debootstrap in .cache/bench if run as root), --only a,b.
 */
import { parseArgs } from "node:util";
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
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "3" },
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
  readonly pauseS: number;
  /** Changes the keys until the signal. */
  readonly change: (signal: AbortSignal) => Promise<void>;
}

async function rounds(
  stage: Stage,
  count: number,
): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  for (let round = 0; round <= count; round++) {
    for (const load of LOADS) {
      const measured = await measureAll(stage, load, round);
      if (round > 0) samples.push(...measured);
    }
  }
  return samples;
}

/** One load through each of them; the first one is another one each round. */
async function measureAll(
  { proxies, seconds, pauseS, change }: Stage,
  load: Load,
  round: number,
): Promise<readonly Sample[]> {
  const changing = new AbortController();
  const changed = load.name === CHANGING ? change(changing.signal) : null;
  const samples: Sample[] = [];
  const turn = round % proxies.length;
  for (const proxy of [...proxies.slice(turn), ...proxies.slice(0, turn)]) {
    const sample = await measureLoad(proxy, load, round === 0 ? 1 : seconds);
    samples.push(sample);
    console.error(
      `${round} ${load.name} ${proxy.name}: ` +
        `${Math.round(sample.rate)}/s, ${sample.cpuUs.toFixed(1)} us, ` +
        `p99 ${sample.p99Ms ?? "-"} ms`,
    );
    await new Promise((resolve) => setTimeout(resolve, pauseS * 1000));
  }
  changing.abort();
  await changed;
  return samples;
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
  const samples = await rounds({
    proxies: proxies.list,
    seconds: Number(given.seconds),
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
