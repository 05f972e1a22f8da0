/**
 * Random faults, some two at a time, from a printed seed. `MATRIARCH_FAULT_SEED`
 * repeats a run, `MATRIARCH_FAULT_ROUNDS` makes it longer. A killed or frozen
 * agent of the leader joins the list with the fence.
 */
import assert from "node:assert/strict";
import { FaultBench, faultTest } from "./bench/bench.ts";
import {
  cutFromEtcd,
  cutFromMembers,
  cutOneWay,
  freezeEtcd,
  isolate,
  kill,
  loseFrames,
  loseMember,
  SeededChoice,
  stopAgent,
  type Undo,
  wantedSeed,
} from "./bench/faults.ts";
import type { BenchMember } from "./bench/member.ts";

type Fault = readonly [
  name: string,
  inject: (bench: FaultBench, target: BenchMember) => Promise<Undo>,
];

const FAULTS: readonly [Fault, ...Fault[]] = [
  ["postmaster killed", (_, m) => Promise.resolve(kill(m, "postmaster"))],
  ["proxy killed", (_, m) => Promise.resolve(kill(m, "proxy"))],
  ["agent stopped", (_, m) => Promise.resolve(stopAgent(m))],
  ["host lost", loseMember],
  ["cut off from etcd", cutFromEtcd],
  ["cut off from the members", cutFromMembers],
  ["cut off from everything", isolate],
  ["sends nothing", (bench, m) => cutOneWay(bench, m, "sends_nothing")],
  ["hears nothing", (bench, m) => cutOneWay(bench, m, "hears_nothing")],
  ["every fifth frame lost", (bench, m) => loseFrames(bench, m)],
  ["one etcd node frozen", (bench) => freezeEtcd(bench, 1)],
  ["all etcd nodes frozen", (bench) => freezeEtcd(bench, 3)],
];

/** How long a fault lasts: shorter and longer than a lease of 20 s. */
const DURATIONS_MS = [1_000, 8_000, 26_000] as const;

faultTest(
  "fault: random faults never give two primaries or lose a row",
  async () => {
    const choice = new SeededChoice(wantedSeed());
    const rounds = Number(Deno.env.get("MATRIARCH_FAULT_ROUNDS") ?? "3");
    await using bench = await FaultBench.running();
    await bench.record();
    for (let round = 1; round <= rounds; round++) {
      const leader = await bench.untilWhole();
      const [one, other] = bench.others(leader);
      assert.ok(one !== undefined && other !== undefined);
      // The leader is struck as often as the others together.
      const target = choice.pick([leader, leader, one, other]);
      const [name, inject] = choice.pick(FAULTS);
      const durationMs = choice.pick(DURATIONS_MS);
      console.log(`${round}. ${name}: ${target.name}, ${durationMs} ms`);
      const undo = await inject(bench, target);
      const until = performance.now() + durationMs;
      await bench.until(
        "the fault has lasted",
        () => Promise.resolve(performance.now() >= until),
      );
      await undo();
    }
    await bench.untilWhole();
    const report = await bench.judge();
    assert.deepEqual(report.overlaps, []);
    assert.deepEqual(report.missing, []);
  },
);
