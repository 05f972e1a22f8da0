/**
 * The takeover of a lost leader: every interleaving of three members in worlds
 * that are small enough for a unit test, and every planted mistake found.
 * `deno task test:model` visits larger ones.
 */
import assert from "node:assert/strict";
import { type Budget, Explorer } from "./explore.ts";
import type { Mutant } from "./protocol.ts";
import { BOTH_MODES, NOTHING, SMALL_WORLDS } from "./worlds.ts";

const STATES_MAX = 1_000_000;

/** Mistakes, and the least world that shows them. */
const PLANTED: readonly (readonly [Mutant, Partial<Budget>])[] = [
  ["record_not_stable", { mode: "quorum", crashes: [0, 1, 0] }],
  ["record_lost_unseen", {
    mode: "on",
    crashes: [0, 1, 0],
    refills: [0, 1, 0],
  }],
  ["entry_before_receiver_ends", { mode: "quorum" }],
  ["take_without_sync_revision", {
    mode: "on",
    keyWrites: 1,
    nameChanges: 1,
  }],
  ["take_without_entry_revisions", { mode: "quorum", withdrawals: 1 }],
  ["withdrawal_in_wrong_order", { mode: "quorum", withdrawals: 1 }],
  ["withdrawal_after_any_none", { mode: "quorum", withdrawals: 1 }],
  ["entry_without_guard", {
    mode: "quorum",
    areRepeated: true,
    vetoes: 1,
  }],
  ["entry_deleted", { mode: "quorum", areRepeated: true, vetoes: 1 }],
  ["renewal_by_keep_alive", { mode: "on", keyWrites: 1, nameChanges: 1 }],
  ["candidate_not_highest", { mode: "quorum" }],
  ["one_pledge_too_few", { mode: "quorum" }],
  ["shown_names_believed", { mode: "on", keyWrites: 2, nameChanges: 2 }],
  ["sync_key_after_the_term", {
    mode: "quorum",
    commits: 0,
    wishes: [0, 0, 0],
    keyWrites: 1,
    expiries: 2,
    termMax: 3,
  }],
  ["filled_voter_pledges", { mode: "on", refills: [0, 1, 0] }],
  ["filled_voter_pledges", { mode: "quorum", refills: [0, 1, 0] }],
];

for (const [mutant, world] of PLANTED) {
  const name = `${mutant}, mode ${world.mode}`;
  Deno.test(`the exploration finds the planted mistake ${name}`, () => {
    const found = new Explorer({ ...NOTHING, ...world }, [mutant])
      .run(STATES_MAX);
    assert.ok(found.broken !== null, `not in ${found.states} states`);
    const whole = new Explorer({ ...NOTHING, ...world }).run(STATES_MAX);
    assert.deepEqual(whole.broken, null, "the world without it must be sound");
    assert.equal(whole.isCut, false);
  });
}

for (const mode of BOTH_MODES) {
  for (const [name, world] of SMALL_WORLDS) {
    Deno.test(`nothing acknowledged is lost, mode ${mode}: ${name}`, () => {
      const found = new Explorer({ ...NOTHING, ...world, mode })
        .run(STATES_MAX);
      assert.deepEqual(found.broken, null);
      assert.equal(found.isCut, false, "all of it is visited");
      assert.ok(found.taken > 0 && found.promoted > 0);
    });
  }
}
