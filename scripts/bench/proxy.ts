/**
 * `deno task bench:proxy`: this project's proxy beside HAProxy, in turns, in one
 * run, in front of one PostgreSQL: transactions, CPU per transaction and per MB,
 * new connections, bulk data, latency, memory with idle sessions.
 *
 * --rounds N (3), --seconds N (3), --json FILE, --trixie DIR (a root with HAProxy
 * 3.0; default: made by debootstrap in .cache/bench if run as root), --only a,b.
 */
import { parseArgs } from "node:util";
import { idleMemory, measureLoad, type Sample } from "./proxy_loads.ts";
import { BenchPostgres, type BenchProxy, startProxies } from "./proxy_sides.ts";
import { summaryTable } from "./proxy_table.ts";

const LOADS = [
  { name: "select, 1 client", kind: "select", clients: 1 },
  { name: "select, 16 clients", kind: "select", clients: 16 },
  { name: "select, 64 clients", kind: "select", clients: 64 },
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
      json: { type: "string" },
      trixie: { type: "string" },
      only: { type: "string", default: "" },
    },
  });
  return values;
}

async function rounds(
  proxies: readonly BenchProxy[],
  given: ReturnType<typeof options>,
): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  for (let round = 0; round < Number(given.rounds); round++) {
    for (const load of LOADS) {
      // The first one of a round is another one each time.
      const turn = round % proxies.length;
      const order = [...proxies.slice(turn), ...proxies.slice(0, turn)];
      for (const proxy of order) {
        const sample = await measureLoad(proxy, load, Number(given.seconds));
        samples.push(sample);
        console.error(
          `${round + 1} ${load.name} ${proxy.name}: ` +
            `${Math.round(sample.rate)}/s, ${sample.cpuUs.toFixed(1)} us`,
        );
      }
    }
  }
  return samples;
}

async function bench(): Promise<void> {
  const given = options();
  await using postgres = await BenchPostgres.start();
  const only = given.only.split(",").filter(Boolean);
  const trixie = given.trixie ?? null;
  const parts = { port: postgres.port, only, trixie };
  await using proxies = await startProxies(parts);
  const samples = await rounds(proxies.list, given);
  await proxies.stop();
  const memory = await idleMemory(
    (port) => startProxies({ ...parts, port }),
    IDLE_COUNTS,
  );
  const table = summaryTable(samples, memory);
  console.log(table);
  if (given.json === undefined) return;
  const result = { at: new Date().toISOString(), samples, memory };
  await Deno.writeTextFile(given.json, JSON.stringify(result, null, 2));
}

if (import.meta.main) await bench();
