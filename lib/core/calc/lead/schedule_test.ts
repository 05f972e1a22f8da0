import assert from "node:assert/strict";
import { DEFAULT_SETTINGS } from "../../model/settings.ts";
import { switchoverTiming } from "./schedule.ts";

const NOW_TEXT = "2026-11-20T05:00:00Z";
const NOW_MS = 1_795_150_800_000;

const ROWS: readonly (readonly [string, string | null, string])[] = [
  ["no time means now", null, "now"],
  ["far ahead", "2026-11-20T05:00:11Z", "later"],
  ["within the cycle", "2026-11-20T05:00:10Z", "near"],
  ["another zone", "2026-11-20T06:00:05+01:00", "near"],
  ["just now", NOW_TEXT, "now"],
  ["a little late", "2026-11-20T04:59:45Z", "now"],
  ["too late", "2026-11-20T04:59:44Z", "stale"],
  ["no time at all", "tomorrow", "stale"],
];

for (const [name, scheduledAt, expected] of ROWS) {
  Deno.test(`switchoverTiming(): ${name}`, () => {
    const now = { wallTimeMs: NOW_MS, settings: DEFAULT_SETTINGS };
    assert.equal(switchoverTiming(scheduledAt, now).kind, expected);
  });
}

Deno.test("switchoverTiming(): a pause holds every schedule", () => {
  const settings = { ...DEFAULT_SETTINGS, isPaused: true };
  const now = { wallTimeMs: NOW_MS, settings };
  assert.equal(switchoverTiming(NOW_TEXT, now).kind, "later");
});
