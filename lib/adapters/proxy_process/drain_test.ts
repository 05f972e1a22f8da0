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
  let open = [...endsMs];
  const said: string[] = [];
  return {
    said,
    setLettingGo: (clients: "let_go" | "stay"): Promise<boolean> => {
      said.push(clients);
      return Promise.resolve(server === "helps");
    },
    endIdleSessions: (idleMsMin: number): Promise<number> => {
      said.push(`idle ${idleMsMin}`);
      if (server === "helps") open = open.filter((at) => clock.now() < at);
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

Deno.test("drain leaves busy sessions to the server, and lets it until the last moment", async () => {
  const { left, tookMs, said } = await drained([0, 3_000], 5_000, "helps");
  assert.equal(left, 0);
  assert.ok(tookMs >= 3_000 && tookMs < 3_100, `${tookMs}`);
  assert.deepEqual([...new Set(said)], ["let_go", "idle 250"]);
  const late = await drained([60_000], 5_000, "helps");
  assert.equal(late.left, 1);
  assert.deepEqual([...new Set(late.said)], ["let_go", "idle 250", "idle 0"]);
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

Deno.test("drain ends at an abort", async () => {
  const clock = new ManualClock();
  const sessions = sessionsUntil(clock, [Infinity]);
  const aborting = new AbortController();
  const parts = { clock, sessions, timeoutMs: 60_000 };
  const draining = drainSessions(parts, aborting.signal);
  aborting.abort();
  await draining;
  assert.equal(clock.sleepers, 0);
  assert.equal(sessions.said.at(-1), "stay");
});
