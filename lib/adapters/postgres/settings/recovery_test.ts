import assert from "node:assert/strict";
import { changeNeeded } from "./recovery.ts";

const LIVE = {
  primary_conninfo: "user=r host=a port=1 dbname=postgres",
  primary_slot_name: "s",
  restore_command: "",
  recovery_target_timeline: "latest",
};

Deno.test("changeNeeded() compares primary_conninfo by keyword", () => {
  const same = { primary_conninfo: "port=1 host=a user=r dbname=other" };
  assert.equal(changeNeeded(LIVE, same, 15), "nothing");
  assert.equal(changeNeeded(LIVE, same, 17), "reload");
  const other = { primary_conninfo: "user=r host=b port=1" };
  assert.equal(changeNeeded(LIVE, other, 15), "reload");
});

Deno.test("changeNeeded() compares times as the server reads them", () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["5min", "300s", "nothing"],
    ["5min", "300000", "nothing"],
    ["5min", "5 min", "nothing"],
    ["90s", "1.5min", "nothing"],
    ["0", "0", "nothing"],
    ["1d", "24h", "nothing"],
    ["5min", "5s", "reload"],
    ["0", "5min", "reload"],
    ["5min", "five", "reload"],
  ];
  for (const [live, wanted, expected] of cases) {
    const change = changeNeeded(
      { recovery_min_apply_delay: live },
      { recovery_min_apply_delay: wanted },
      15,
    );
    assert.equal(change, expected, `${live} and ${wanted}`);
  }
});

Deno.test("changeNeeded() knows what only a restart changes", () => {
  const restore = { restore_command: "cp" };
  assert.equal(changeNeeded(LIVE, restore, 13), "restart");
  assert.equal(changeNeeded(LIVE, restore, 14), "reload");
  const timeline = { primary_slot_name: "x", recovery_target_timeline: "2" };
  assert.equal(changeNeeded(LIVE, timeline, 15), "restart");
  assert.equal(changeNeeded(LIVE, { ...LIVE }, 15), "nothing");
});
