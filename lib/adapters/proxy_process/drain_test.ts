import assert from "node:assert/strict";
import { ManualClock } from "../../../tests/helpers/manual_clock.ts";
import { drainSessions } from "./drain.ts";

/** Sessions whose transactions end at given times; each idle from then on. */
function sessionsUntil(clock: ManualClock, endsMs: readonly number[]) {
  let open = [...endsMs];
  return {
    endIdleSessions: (idleMsMin: number): Promise<number> => {
      open = open.filter((endMs) => clock.now() < endMs + idleMsMin);
      return Promise.resolve(open.length);
    },
  };
}

async function drained(endsMs: readonly number[], timeoutMs: number) {
  const clock = new ManualClock();
  const startMs = clock.now();
  const sessions = sessionsUntil(clock, endsMs.map((ms) => startMs + ms));
  const { signal } = new AbortController();
  const draining = drainSessions({ clock, sessions, timeoutMs }, signal);
  let left: number | null = null;
  draining.then((count) => {
    left = count;
  });
  for (let i = 0; i < 400 && left === null; i++) await clock.advance(50);
  return { left, tookMs: clock.now() - startMs };
}

Deno.test("drain is over at once without sessions", async () => {
  assert.equal((await drained([], 5_000)).left, 0);
});

Deno.test("drain waits for running transactions, and not for long pauses after them", async () => {
  const { left, tookMs } = await drained([0, 1_000], 5_000);
  assert.equal(left, 0);
  assert.ok(tookMs >= 1_000 && tookMs < 1_250, `${tookMs}`);
});

Deno.test("drain gives up when the time is over", async () => {
  const { left, tookMs } = await drained([0, 60_000], 2_000);
  assert.equal(left, 1);
  assert.ok(tookMs >= 2_000 && tookMs < 2_200, `${tookMs}`);
});

Deno.test("drain ends at an abort", async () => {
  const clock = new ManualClock();
  const sessions = sessionsUntil(clock, [Infinity]);
  const aborting = new AbortController();
  const parts = { clock, sessions, timeoutMs: 60_000 };
  const draining = drainSessions(parts, aborting.signal);
  aborting.abort();
  await draining;
  assert.equal(clock.sleepers, 0);
});
