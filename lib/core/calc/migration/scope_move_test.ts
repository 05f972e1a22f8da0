/** What is copied, who has arrived, and what is left where all were. */
import assert from "node:assert/strict";
import { revision } from "../../base/units.ts";
import {
  decodeMigration,
  encodeMigration,
} from "../../codec/migration_codec.ts";
import {
  copiedKeys,
  moveProgress,
  outdatedKeys,
  signposts,
} from "./scope_move.ts";

function entry(key: string, value = "", at = 7) {
  return { key, value, revision: revision(at), isHeld: false };
}

const FORMER = [
  ...[entry("config"), entry("fencing"), entry("initialize", "1")],
  entry("leader", "n1"),
  ...[entry("members/n1", "a"), entry("members/n2", "b"), entry("migration")],
  ...[entry("pledges/n1"), entry("sync"), entry("vip/all")],
  entry("vip_candidates/all/x"),
];

Deno.test("all is copied but what hangs on a session and is made anew", () => {
  assert.deepEqual(copiedKeys(FORMER).map(({ key }) => key), [
    ...["config", "initialize", "leader", "members/n1", "members/n2"],
    ...["migration", "sync"],
  ]);
});

Deno.test("a member has arrived when its key is not the copy any more", () => {
  assert.equal(moveProgress([entry("members/n1")]), null);
  const own = FORMER.map((each) =>
    each.key === "migration" ? { ...each, revision: revision(8) } : each
  );
  assert.equal(moveProgress(own), null, "nobody moves into the former one");
  const copied = FORMER.map(({ key, value }) => entry(key, value, 7));
  assert.deepEqual(moveProgress(copied), {
    revision: revision(7),
    waiting: ["n1", "n2"],
    isLed: false,
  });
  const arrived = copied.map((each) =>
    each.key === "leader" || each.key === "members/n1"
      ? { ...each, revision: revision(9) }
      : each
  );
  assert.deepEqual(moveProgress(arrived)?.waiting, ["n2"]);
  assert.equal(moveProgress(arrived)?.isLed, true);
});

Deno.test("the former store shows the way, until all have left it", () => {
  const keys = (name: string) => signposts(FORMER, name).map(({ key }) => key);
  assert.deepEqual(keys("n1"), ["leader", "members/n1"]);
  assert.deepEqual(keys("n2"), ["members/n2"]);
  assert.deepEqual(outdatedKeys(FORMER).map(({ key }) => key), [
    ...["leader", "members/n1", "members/n2"],
  ]);
});

Deno.test("a record that cannot be read leaves the scope paused", () => {
  for (const wasPaused of [true, false]) {
    const text = encodeMigration({ wasPaused });
    assert.deepEqual(decodeMigration(text), { wasPaused });
  }
  for (const text of ["", "[]", '{"was_paused":"no"}']) {
    assert.ok(decodeMigration(text).wasPaused);
  }
});
