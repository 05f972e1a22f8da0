import assert from "node:assert/strict";
import { ManualClock } from "../../../tests/helpers/manual_clock.ts";
import { drainSessions } from "./drain.ts";

type Server = "helps" | "is_too_old";

/** Sessions whose transactions end at given times; each idle from then on. */
function sessionsUntil(
  clock: ManualClock,
  endsMs: readonly number[],
  server: Server = "is_too_old",
) {
  const startMs = clock.now();
  let open = [...endsMs];
  let limit: number | null = null;
  const said: string[] = [];
  return {
    said,
    limitIdle: (limitMs: number | null): Promise<boolean> => {
      said.push(`limit ${limitMs}`);
      limit = limitMs;
      return Promise.resolve(server === "helps");
    },
    endIdleSessions: (
      { idleMsMin, ageMsMin }: {
        readonly idleMsMin: number;
        readonly ageMsMin: number;
      },
    ): Promise<number> => {
      said.push(`idle ${idleMsMin}`);
      // They all are older than the drain.
      assert.ok(ageMsMin <= clock.now() - startMs);
      if (server === "helps" && limit !== null) {
        const limitMs = limit;
        // Only those that did something since.
        open = open.filter((at) => at <= startMs || clock.now() < at + limitMs);
      }
      open = open.filter((endMs) => clock.now() < endMs + idleMsMin);
      return Promise.resolve(open.length);
    },
  };
}

async function drained(
  endsMs: readonly number[],
  timeoutMs: number,
  server: Server = "is_too_old",
) {
  const clock = new ManualClock();
  const startMs = clock.now();
  const ends = endsMs.map((ms) => startMs + ms);
  const sessions = sessionsUntil(clock, ends, server);
  const { signal } = new AbortController();
  const draining = drainSessions({ clock, sessions, timeoutMs }, signal);
  let left: number | null = null;
  draining.then((count) => {
    left = count;
  });
  for (let i = 0; i < 400 && left === null; i++) await clock.advance(50);
  return { left, tookMs: clock.now() - startMs, said: sessions.said };
}

Deno.test("drain lets the server end busy sessions before it ends them itself", async () => {
  const { left, tookMs, said } = await drained([0, 1_200], 5_000, "helps");
  assert.equal(left, 0);
  assert.ok(tookMs >= 1_200 && tookMs < 1_300, `${tookMs}`);
  assert.deepEqual([...new Set(said)], ["limit 250", "idle 500", "limit 20"]);
  const late = await drained([60_000], 5_000, "helps");
  assert.equal(late.left, 1);
  assert.deepEqual([...new Set(late.said)], [
    "limit 250",
    "idle 500",
    "limit 20",
    "idle 0",
  ]);
});

Deno.test("drain of a pool that rests takes half a second", async () => {
  const { tookMs, said } = await drained([0], 5_000, "helps");
  assert.ok(tookMs >= 500 && tookMs < 600, `${tookMs}`);
  assert.deepEqual([...new Set(said)], ["limit 250", "idle 500"]);
});

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

Deno.test("drain goes on after a look that failed, but not after many", async () => {
  const clock = new ManualClock();
  const failing = async (failures: number): Promise<number> => {
    const sessions = sessionsUntil(clock, [clock.now() + 300], "helps");
    let looks = 0;
    const draining = drainSessions({
      clock,
      sessions: {
        limitIdle: sessions.limitIdle,
        endIdleSessions: (limits) =>
          looks++ < failures
            ? Promise.reject(new Error("too busy"))
            : sessions.endIdleSessions(limits),
      },
      timeoutMs: 5_000,
    }, new AbortController().signal);
    const ending = draining.catch((error: Error) => error.message);
    for (let i = 0; i < 40; i++) await clock.advance(50);
    assert.equal(await ending, failures > 3 ? "too busy" : 0);
    return looks;
  };
  assert.ok(await failing(3) > 4);
  assert.equal(await failing(100), 4);
});

Deno.test("drain ends at an abort", async () => {
  const clock = new ManualClock();
  const sessions = sessionsUntil(clock, [Infinity]);
  const aborting = new AbortController();
  const parts = { clock, sessions, timeoutMs: 60_000 };
  const draining = drainSessions(parts, aborting.signal);
  for (let i = 0; i < 30; i++) await clock.advance(50);
  aborting.abort();
  await draining;
  assert.equal(clock.sleepers, 0);
  assert.equal(sessions.said.at(-1), "limit null");
});
