/**
 * Fencing a lost leader's host: every interleaving of three members in worlds
 * that are small enough for a unit test, and every planted mistake found.
 * `deno task test:model` visits larger ones.
 */
import assert from "node:assert/strict";
import { FencingExplorer } from "./fencing_explore.ts";
import type { FencingMutant } from "./fencing_sight.ts";
import type { FencingBudget } from "./fencing_state.ts";
import { CALM, SMALL_FENCING } from "./fencing_worlds.ts";

const STATES_MAX = 300_000;
const BACK = { reboots: 1, termMax: 3 };

/** Mistakes, and the least world that shows them. */
const PLANTED: readonly (readonly [FencingMutant, Partial<FencingBudget>])[] = [
  ["failure_believed", { failures: 1 }],
  ["outcome_of_any_claim", BACK],
  ["claim_of_any_term", BACK],
  ["take_without_term", BACK],
  ["claim_without_guard", {}],
  ["claim_never_stands", {}],
  ["veto_frees_claim", {}],
  ["old_claim_ignored", BACK],
];

for (const [mutant, world] of PLANTED) {
  Deno.test(`the exploration of fencing finds the planted mistake ${mutant}`, () => {
    const budget = { ...CALM, ...world };
    const found = new FencingExplorer(budget, mutant).run(STATES_MAX);
    assert.ok(found.broken !== null, `not in ${found.states} states`);
    const whole = new FencingExplorer(budget).run(STATES_MAX);
    assert.deepEqual(whole.broken, null, "the world without it must be sound");
    assert.equal(whole.isCut, false);
  });
}

for (const [name, world] of SMALL_FENCING) {
  Deno.test(`fencing leaves one writable member at most: ${name}`, () => {
    const found = new FencingExplorer(world).run(STATES_MAX);
    assert.deepEqual(found.broken, null);
    assert.equal(found.isCut, false, "all of it is visited");
    assert.ok(found.taken > 0);
  });
}
