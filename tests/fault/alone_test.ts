/**
 * Every fault of the catalogue, alone, against the leader, for longer than the
 * lease: what must come of it comes, and afterwards all is whole again. At the
 * end no member was written to beside another and no acknowledged row is
 * missing. `MATRIARCH_FAULT_ONLY` is a regular expression for names of faults.
 */
import assert from "node:assert/strict";
import { FaultBench, faultTest } from "./bench/bench.ts";
import { step } from "../helpers/step.ts";
import { type Fault, FAULTS } from "./bench/catalogue.ts";
import type { BenchMember } from "./bench/member.ts";
import { Outages } from "./bench/outages.ts";

/** A little longer than a lease. */
const LASTING_MS = 22_000;

faultTest("fault: each alone, on the leader", async (t) => {
  const only = new RegExp(Deno.env.get("MATRIARCH_FAULT_ONLY") ?? "");
  await using bench = await FaultBench.running({ clocks: "fake" });
  await bench.record();
  const outages = new Outages();
  for (const fault of FAULTS.filter(({ name }) => only.test(name))) {
    await step(t, `leader: ${fault.name}: ${fault.outcome}`, async () => {
      const leader = await bench.untilWhole();
      await bench.untilWrites("direct", leader);
      const from = bench.history().length;
      await suffer(bench, leader, fault);
      console.log(outages.note([fault.name], bench.history().slice(from)));
    });
  }
  const report = await bench.judge();
  console.log(outages.table());
  assert.deepEqual(report.overlaps, []);
  assert.deepEqual(report.missing, []);
});

async function suffer(
  bench: FaultBench,
  leader: BenchMember,
  { strike, outcome }: Fault,
): Promise<void> {
  const undo = await strike(bench, leader);
  switch (outcome) {
    case "another leads": {
      const next = await bench.untilLeader(bench.others(leader));
      await bench.untilWrites("direct", next);
      break;
    }
    case "nobody is a primary":
      await bench.untilNobodyIsPrimary();
      break;
    case "it goes on leading":
      await bench.lasting(LASTING_MS);
      await bench.untilWrites("direct", leader);
      break;
    case "it heals":
      await bench.lasting(LASTING_MS);
  }
  await undo();
  const next = await bench.untilWhole();
  if (outcome === "it goes on leading") assert.equal(next.name, leader.name);
}
