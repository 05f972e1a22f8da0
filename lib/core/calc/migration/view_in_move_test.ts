/** Who is on the way to another store is not gone. */
import assert from "node:assert/strict";
import { decodeClusterView } from "../../codec/cluster_view_codec.ts";
import { revision } from "../../base/units.ts";
import { viewInMove } from "./view_in_move.ts";

/** Keys with their values. */
function view(keys: Readonly<Record<string, string>>) {
  const entries = Object.entries(keys).map(([key, value]) => (
    { key, value, revision: revision(1), isHeld: false }
  ));
  return decodeClusterView({ entries });
}

const WHOLE = { leader: "n1", "members/n1": "{}", "members/n2": "{}" };

Deno.test("while the scope moves, who takes their keys along stay", () => {
  const before = view({ ...WHOLE, migration: "{}" });
  const gone = view({ "members/n2": "{}", migration: "{}" });
  assert.deepEqual(viewInMove(before, gone), before);
});

Deno.test("who is there counts, also in a move", () => {
  const before = view({ ...WHOLE, migration: "{}" });
  const other = view({ ...WHOLE, leader: "n2", migration: "{}" });
  assert.deepEqual(viewInMove(before, other), other);
  assert.deepEqual(viewInMove(null, other), other);
});

Deno.test("without a move, and when it has ended, gone is gone", () => {
  const gone = view({ "members/n2": "{}" });
  assert.deepEqual(viewInMove(view(WHOLE), gone), gone);
  const moved = view({ ...WHOLE, migration: "{}" });
  assert.deepEqual(viewInMove(moved, gone), gone);
});
