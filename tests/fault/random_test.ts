/**
 * Random faults of the catalogue, alone and in pairs, from a printed seed.
 * `MATRIARCH_FAULT_SEED` repeats a run; `MATRIARCH_FAULT_ROUNDS` or
 * `MATRIARCH_FAULT_MINUTES` makes it longer.
 */
import assert from "node:assert/strict";
import { FaultBench, faultTest } from "./bench/bench.ts";
import { type Fault, FAULTS } from "./bench/catalogue.ts";
import { SeededChoice, wantedSeed } from "./bench/choice.ts";
import { NothingToStrike } from "./bench/faults/processes.ts";
import type { BenchMember } from "./bench/member.ts";
import { Outages } from "./bench/outages.ts";
import { nothingToUndo, type Undo, undoAll } from "./bench/undo.ts";

/** How long a fault lasts: shorter and longer than a lease of 20 s. */
const DURATIONS_MS = [1_000, 8_000, 26_000] as const;
/** From the first fault of a pair to the second. */
const PAUSES_MS = [0, 1_000, 6_000] as const;

const ROUNDS = Number(Deno.env.get("MATRIARCH_FAULT_ROUNDS") ?? "3");
const MINUTES = Number(Deno.env.get("MATRIARCH_FAULT_MINUTES") ?? "0");

faultTest(
  "fault: random faults and pairs never give two primaries or lose a row",
  async () => {
    const choice = new SeededChoice(wantedSeed());
    await using bench = await FaultBench.running({ clocks: "fake" });
    await bench.record();
    const outages = new Outages();
    const end = performance.now() + MINUTES * 60_000;
    for (let round = 1; round <= ROUNDS || performance.now() < end; round++) {
      const leader = await bench.untilWhole();
      const from = bench.history().length;
      const blows = choose(bench, leader, choice);
      const undos: Undo[] = [];
      for (const [at, blow] of blows.entries()) {
        if (at > 0) await bench.lasting(choice.pick(PAUSES_MS));
        console.log(`${round}. ${blow.fault.name}: ${blow.target.name}`);
        undos.push(await strike(bench, blow));
      }
      const durationMs = choice.pick(DURATIONS_MS);
      await bench.lasting(durationMs);
      await undoAll(undos)();
      await bench.untilWhole();
      const names = blows.map(({ fault }) => fault.name);
      const felt = outages.note(names, bench.history().slice(from));
      console.log(`   lasted ${durationMs} ms: ${felt}`);
    }
    const report = await bench.judge();
    console.log(outages.table());
    assert.deepEqual(report.overlaps, []);
    assert.deepEqual(report.missing, []);
  },
);

interface Blow {
  readonly fault: Fault;
  readonly target: BenchMember;
}

/** One fault, or two that leave the data of at least one member that has every commit. */
function choose(
  bench: FaultBench,
  leader: BenchMember,
  choice: SeededChoice,
): readonly Blow[] {
  const [one, other] = bench.others(leader);
  assert.ok(one !== undefined && other !== undefined);
  const blow = (): Blow => ({
    fault: choice.pick(FAULTS),
    // The leader is struck as often as the others together.
    target: choice.pick([leader, leader, one, other]),
  });
  const first = blow();
  if (choice.pick(["alone", "pair"]) === "alone") return [first];
  for (;;) {
    const second = blow();
    if (second.fault !== first.fault) return [first, second];
  }
}

async function strike(
  bench: FaultBench,
  { fault, target }: Blow,
): Promise<Undo> {
  try {
    return await fault.strike(bench, target);
  } catch (error) {
    if (!(error instanceof NothingToStrike)) throw error;
    console.log(`   ${error.message}`);
    return nothingToUndo;
  }
}
