/** When a listener looks after its leader: seldom while it speaks, soon when it does not. */
import assert from "node:assert/strict";
import { PULSE_MS } from "../../ports/pulse.ts";
import { MISSING_MS, restAfterPulse } from "./pulse_rest.ts";

/** Looks of a listener whose leader speaks until `lastAt`, the first pulse at 0. */
function looksUntilMissed(
  lastAt: number,
  delayMs = 1,
) {
  const heardBy = (now: number): number => {
    const pulses = Math.floor((Math.min(now, lastAt) - delayMs) / PULSE_MS);
    return pulses <= 0 ? 0 : pulses * PULSE_MS + delayMs;
  };
  const looks: number[] = [];
  for (let now = 0; looks.length < 1_000;) {
    const restMs = restAfterPulse(now - heardBy(now));
    if (restMs === 0) return { looks, missedMs: now - heardBy(now) };
    now += restMs;
    looks.push(now);
  }
  throw new Error("it never notices");
}

Deno.test("a leader that speaks is looked after once a second", () => {
  for (const delayMs of [0, 1, 25, 49]) {
    const { looks } = looksUntilMissed(100_000, delayMs);
    assert.ok(looks.length <= 103, `${looks.length} looks at ${delayMs}`);
  }
});

Deno.test("a missing pulse is noticed 0.8 to 1.05 s after the last one", () => {
  for (let lastAt = 0; lastAt < 5_000; lastAt += 10) {
    for (const delayMs of [0, 1, 49, 50, 51, 250, 290]) {
      const { missedMs } = looksUntilMissed(lastAt, delayMs);
      const facts = `${missedMs} ms at ${lastAt}, delayed by ${delayMs}`;
      assert.ok(missedMs >= MISSING_MS && missedMs <= 1_050, facts);
    }
  }
});

Deno.test("a moment before the last pulse, or one long after it, is borne", () => {
  assert.equal(restAfterPulse(-250), 1_050);
  assert.equal(restAfterPulse(1e9), 0);
});
