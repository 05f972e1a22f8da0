import assert from "node:assert/strict";
import { humanSetting } from "./pending_restart.ts";

Deno.test("humanSetting() takes the largest unit that shows a number whole", () => {
  const cases: readonly [string, string | null, string][] = [
    ["16384", "8kB", "128MB"],
    ["2048", "8kB", "16MB"],
    ["1", "8kB", "8kB"],
    ["1025", "kB", "1025kB"],
    ["300", "s", "5min"],
    ["90", "s", "90s"],
    ["86400", "s", "1d"],
    ["-1", "ms", "-1"],
    ["0", "kB", "0"],
    ["100", null, "100"],
    ["on", null, "on"],
  ];
  for (const [value, unit, expected] of cases) {
    assert.equal(humanSetting(value, unit), expected, `${value} ${unit}`);
  }
});
