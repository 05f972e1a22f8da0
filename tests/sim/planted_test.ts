/**
 * The simulator's own test: bugs that it must find. Each is planted at the side
 * of the product, never inside of it. A simulator that misses one has lost its
 * teeth.
 */
import assert from "node:assert/strict";
import type { PlantedBug } from "./agent/bugs.ts";
import { runSeed } from "./seed.ts";

/** A bug, within how many seeds it must show itself, and as which broken promises. */
const PLANTED: readonly (readonly [PlantedBug, number, RegExp])[] = [
  ["lease_from_response", 1_000, /two (standby )?leaders/],
  ["promotion_without_budget", 200, /late promotion|keyless|overstay/],
  ["stale_leader_view", 300, /two (standby )?leaders/],
  ["shown_names_believed", 100, /lost commit|broken sync key/],
  ["one_pledge_is_enough", 300, /lost commit|acknowledged after a takeover/],
  ["fencing_lies", 300, /two leaders|promotion beside a leader/],
  ["consent_forgotten", 1_500, /two leaders|promotion beside a leader/],
  ["section_unseen", 200, /writable standby/],
  ["impatient_observer", 200, /two (standby )?leaders/],
  ["slot_moved_by_replay", 200, /slot ahead/],
];

async function firstFinding(
  bug: PlantedBug,
  seedsMax: number,
  promises: RegExp,
): Promise<number | null> {
  for (let seed = 1; seed <= seedsMax; seed++) {
    const { broken } = await runSeed(seed, { bug });
    if (broken !== null && promises.test(broken.promise)) return seed;
  }
  return null;
}

for (const [bug, seedsMax, promises] of PLANTED) {
  Deno.test(`the simulator finds the planted bug ${bug}`, async () => {
    const seed = await firstFinding(bug, seedsMax, promises);
    assert.ok(seed !== null, `not within ${seedsMax} seeds`);
    // Without the bug the same seed keeps every promise.
    assert.equal((await runSeed(seed)).broken, null);
  });
}
