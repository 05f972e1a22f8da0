/**
 * `deno task bench:cut-off`: what clients feel when the leader's host is cut off
 * from everybody, they on the other side, with this project and with Patroni +
 * HAProxy, in network namespaces (as root). A client writes through a proxy on a
 * host of its own; direct writers to each member look for two that acknowledge at
 * once, and in the end every acknowledged row must be there. `ttl 30`, `loop_wait
 * 10`, etcd on three hosts of its own.
 *
 * --mode quorum (or on), --rounds N (10), --patroni-rounds N (as many), --systems
 * patroni,matriarch, --json FILE.
 */
import { parseArgs } from "node:util";
import { median } from "../../scripts/bench/report.ts";
import {
  type Rounds,
  roundsOf,
  SYSTEM_NAMES,
  SYSTEM_TITLES,
  type SystemName,
} from "../../scripts/bench/system.ts";
import { FaultBench, faultSkipReason } from "./bench/bench.ts";
import { longestGapMs } from "./bench/checker.ts";
import { isolate } from "./bench/faults/wires.ts";
import type { Lane } from "./bench/history.ts";
import { PORTS } from "./bench/member.ts";
import { PATRONI, startHaproxy } from "./bench/patroni.ts";
import { BenchProxy } from "./bench/proxy_host.ts";

const TIMING = { ttl: 30, loop_wait: 10, retry_timeout: 10 };
const PROXY_NUMBER = 41;
/** Who is whole again may have to catch up before it votes. */
const ABLE = "able to pledge again";

interface Options {
  readonly mode: "on" | "quorum";
  readonly rounds: Rounds;
  readonly systems: readonly SystemName[];
  readonly json: string | null;
}

interface Result {
  readonly system: SystemName;
  readonly gapsMs: readonly number[];
  /** Acknowledged rows that are gone. */
  readonly missing: number;
  /** Times at which two members acknowledged. */
  readonly overlaps: number;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      mode: { type: "string", default: "quorum" },
      rounds: { type: "string", default: "10" },
      "patroni-rounds": { type: "string" },
      systems: { type: "string", default: SYSTEM_NAMES.join(",") },
      json: { type: "string" },
    },
  });
  const { mode, rounds, systems, json = null } = values;
  if (mode !== "on" && mode !== "quorum") {
    throw new TypeError(`Unknown mode ${mode}; wanted: on, quorum`);
  }
  const names = systems.split(",");
  const known = SYSTEM_NAMES.filter((name) => names.includes(name));
  if (known.length !== names.length) {
    throw new TypeError(
      `Unknown system in ${systems}; wanted: ${SYSTEM_NAMES}`,
    );
  }
  return {
    mode,
    rounds: roundsOf(rounds, values["patroni-rounds"]),
    systems: known,
    json,
  };
}

async function measure(
  system: SystemName,
  { mode, rounds }: Options,
): Promise<Result> {
  const bootstrapDcs = {
    ...TIMING,
    synchronous_mode: mode === "quorum" ? mode : true,
    // Patroni does not know it, and leaves it alone.
    takeover: "on",
  };
  const isOurs = system === "matriarch";
  await using bench = await FaultBench.running({
    bootstrapDcs,
    ...(isOurs ? {} : PATRONI),
  });
  await bench.untilWhole();
  const lane = isOurs ? await startProxy(bench) : await startHaproxy(bench);
  await bench.record([lane]);
  const gapsMs: number[] = [];
  for (let round = 1; round <= rounds[system]; round++) {
    const begun = performance.now();
    const gapMs = await cutOff(bench, lane, isOurs);
    gapsMs.push(gapMs);
    const tookMs = performance.now() - begun;
    console.log(
      `cut off, ${SYSTEM_TITLES[system]}, ${round}: ${gapMs} ms, ` +
        `took ${(tookMs / 1000).toFixed(0)} s`,
    );
  }
  const { missing, overlaps } = await bench.judge("direct");
  return {
    ...{ system, gapsMs },
    missing: missing.length,
    overlaps: overlaps.length,
  };
}

async function startProxy(bench: FaultBench): Promise<Lane> {
  const proxy = await BenchProxy.on(bench, "p1", PROXY_NUMBER);
  proxy.start([], "none");
  return { name: "proxy", host: proxy.host.address, port: PORTS.primary };
}

/** Cuts the leader's host off, heals it when another one serves, and waits until all is as before. */
async function cutOff(
  bench: FaultBench,
  lane: Lane,
  isOurs: boolean,
): Promise<number> {
  const leader = await bench.untilWhole();
  if (isOurs) await untilPledging(bench);
  await bench.untilWrites(lane.name, leader);
  // So that it meets the agents' cycles at any moment.
  await bench.lasting(Math.random() * TIMING.loop_wait * 1_000);
  const from = bench.history().length;
  const heal = await isolate(bench, leader);
  const next = await bench.untilLeader(bench.others(leader));
  await bench.untilWrites(lane.name, next);
  const gapMs = longestGapMs(bench.history().slice(from), lane.name);
  await heal();
  return Math.round(gapMs);
}

/** A takeover would work now: each voter hears the leader, and says so. */
async function untilPledging(bench: FaultBench): Promise<void> {
  await bench.until("a lost leader would be taken over from", async () => {
    const told = await Promise.all(bench.members.map(async (member) => {
      const { text } = await member.rest("GET", "/explain");
      const { takeover } = Object(JSON.parse(text));
      return Object(takeover).by === "pledges";
    }));
    const leader = await bench.untilLeader();
    const areAble = bench.others(leader).every((member) =>
      member.log().includes(ABLE)
    );
    return areAble && told.every((isReady) => isReady);
  });
}

function table(results: readonly Result[]): string {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  return [
    "| Scenario | System | Rounds | Median | Maximum | Missing | Overlaps |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...results.map(({ system, gapsMs, missing, overlaps }) =>
      `| host cut off, clients on the other side | ${SYSTEM_TITLES[system]} ` +
      `| ${gapsMs.length} | ${seconds(median(gapsMs))} ` +
      `| ${seconds(Math.max(...gapsMs))} | ${missing} | ${overlaps} |`
    ),
  ].join("\n");
}

async function run(options: Options): Promise<void> {
  const reason = faultSkipReason();
  if (reason !== null) throw new Error(`Cannot cut hosts off here: ${reason}`);
  const results: Result[] = [];
  for (const system of options.systems) {
    results.push(await measure(system, options));
  }
  console.log(`\n${table(results)}`);
  if (options.json === null) return;
  await Deno.writeTextFile(options.json, JSON.stringify(results, null, 2));
}

if (import.meta.main) await run(readOptions());
