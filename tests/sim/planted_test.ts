/**
 * The simulator's own test: bugs that it must find. Each is planted at the side
 * of the product (in the lease model, or between the rules and their effect),
 * never inside of it. A simulator that misses one has lost its teeth.
 */
import assert from "node:assert/strict";
import type { PlantedBug } from "./fast/lease_model.ts";
import { runFast } from "./seed.ts";

/** A bug, within how many seeds it must show itself, and as which broken promises. */
const PLANTED: readonly (readonly [PlantedBug, number, RegExp])[] = [
  ["lease_from_response", 1_500, /two leaders/],
  ["promotion_without_budget", 3_000, /late promotion|keyless|overstay/],
  ["stale_leader_view", 200, /two leaders/],
  ["shown_names_believed", 3_000, /lost commit|broken sync key/],
];

function firstFinding(
  bug: PlantedBug,
  seedsMax: number,
  promises: RegExp,
): number | null {
  for (let seed = 1; seed <= seedsMax; seed++) {
    const { broken } = runFast(seed, { bug });
    if (broken !== null && promises.test(broken.promise)) return seed;
  }
  return null;
}

for (const [bug, seedsMax, promises] of PLANTED) {
  Deno.test(`the simulator finds the planted bug ${bug}`, () => {
    const seed = firstFinding(bug, seedsMax, promises);
    assert.notEqual(seed, null, `not within ${seedsMax} seeds`);
    // Without the bug the same seed keeps every promise.
    assert.equal(runFast(seed ?? 0).broken, null);
  });
}
