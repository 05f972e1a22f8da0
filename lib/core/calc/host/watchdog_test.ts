import assert from "node:assert/strict";
import { moment } from "../../base/units.ts";
import { DEFAULT_SETTINGS } from "../../model/settings.ts";
import {
  guardedDeadline,
  hasWatchdogFailed,
  hasWatchdogSlack,
  judgeTimeout,
  leaderRestMs,
  type WatchdogTerms,
  watchdogTimeoutS,
} from "./watchdog.ts";

function terms(safetyMarginS: number): WatchdogTerms {
  return { mode: "required", safetyMarginS };
}

Deno.test("watchdogTimeoutS() is the TTL less the margin, -1 is half of it", () => {
  assert.equal(watchdogTimeoutS(terms(5), 20_000), 15);
  assert.equal(watchdogTimeoutS(terms(5), 30_000), 25);
  assert.equal(watchdogTimeoutS(terms(-1), 31_000), 15);
});

Deno.test("hasWatchdogSlack() wants a device that outlasts loop_wait", () => {
  const timing = { ttlMs: 30_000, loopWaitMs: 10_000 };
  assert.ok(hasWatchdogSlack(terms(20), timing));
  assert.ok(!hasWatchdogSlack(terms(21), timing));
  assert.ok(!hasWatchdogSlack(terms(40), timing));
});

Deno.test("hasWatchdogFailed() only for a required watchdog", () => {
  const timing = { ttlMs: 30_000, loopWaitMs: 10_000 };
  assert.ok(hasWatchdogFailed(terms(5), timing, "unusable"));
  assert.ok(hasWatchdogFailed(terms(21), timing, "usable"));
  assert.ok(!hasWatchdogFailed(terms(5), timing, "usable"));
  const automatic = { mode: "automatic", safetyMarginS: 5 } as const;
  assert.ok(!hasWatchdogFailed(automatic, timing, "unusable"));
});

Deno.test("guardedDeadline() is whichever comes first", () => {
  assert.equal(guardedDeadline(moment(29_900), moment(100), 25), 25_100);
  assert.equal(guardedDeadline(moment(29_900), moment(100), 30), 29_900);
});

Deno.test("judgeTimeout() compares what the driver can with what is wanted", () => {
  assert.equal(judgeTimeout(25, 25), "fits");
  assert.equal(judgeTimeout(25, 10), "fits");
  assert.equal(judgeTimeout(25, 60), "too_long");
  assert.equal(judgeTimeout(25, null), "unknown");
});

Deno.test("leaderRestMs() wakes a leader before it would have to stop", () => {
  const rest = (deadline: number | null) =>
    leaderRestMs(
      DEFAULT_SETTINGS,
      deadline === null ? null : moment(deadline),
      moment(0),
    );
  assert.equal(rest(null), 10_000);
  assert.equal(rest(29_900), 10_000);
  assert.equal(rest(25_000), 10_000);
  assert.equal(rest(12_000), 5_000);
  assert.equal(rest(1_000), 500);
});
