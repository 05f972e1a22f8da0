import assert from "node:assert/strict";
import fc from "fast-check";
import { moment, sessionId } from "../../base/units.ts";
import {
  endedSessions,
  nextEnd,
  NO_SESSIONS,
  type SessionSighting,
  watchSessions,
} from "./observed_sessions.ts";

const TTL_MS = 30_000;

function seen(renewals: number, name = "a"): SessionSighting {
  return { id: sessionId(name), renewals: String(renewals), ttlMs: TTL_MS };
}

Deno.test("one that just started to look gives every session a whole ttl", () => {
  const known = watchSessions(NO_SESSIONS, [seen(7)], moment(1_000_000));
  assert.equal(nextEnd(known), 1_030_000);
  assert.deepEqual(endedSessions(known, moment(1_029_999)), []);
  assert.equal(endedSessions(known, moment(1_030_000)).length, 1);
});

Deno.test("a look that shows no renewal prolongs nothing", () => {
  const first = watchSessions(NO_SESSIONS, [seen(7)], moment(0));
  const again = watchSessions(first, [seen(7)], moment(29_000));
  assert.equal(nextEnd(again), 30_000);
});

Deno.test("a renewal, and another ttl, begin a new time", () => {
  const first = watchSessions(NO_SESSIONS, [seen(7)], moment(0));
  const renewed = watchSessions(first, [seen(8)], moment(29_000));
  assert.equal(nextEnd(renewed), 59_000);
  const longer = { ...seen(7), ttlMs: 60_000 };
  assert.equal(nextEnd(watchSessions(first, [longer], moment(1_000))), 61_000);
});

Deno.test("what the store does not show any more is forgotten", () => {
  const first = watchSessions(
    NO_SESSIONS,
    [seen(1, "a"), seen(1, "b")],
    moment(0),
  );
  const rest = watchSessions(first, [seen(1, "b")], moment(10));
  assert.deepEqual(rest.map(({ id }) => id), ["b"]);
  assert.equal(nextEnd(watchSessions(rest, [], moment(20))), null);
});

/** When the holder asked, and when the store had it. */
const RENEWALS = fc.array(
  fc.record({
    waitMs: fc.integer({ min: 0, max: 35_000 }),
    onItsWayMs: fc.integer({ min: 0, max: 4_000 }),
  }),
  { minLength: 1, maxLength: 8 },
);
const LOOKS = fc.array(fc.integer({ min: 1, max: 12_000 }), {
  minLength: 20,
  maxLength: 60,
});
/** The observer's clock shows anything. */
const OFFSET_MS = fc.integer({ min: -1_000_000, max: 1_000_000 });

Deno.test("nobody ends a session that its holder may still rely on", () => {
  let ends = 0;
  fc.assert(fc.property(RENEWALS, LOOKS, OFFSET_MS, (waits, pauses, offset) => {
    let clock = 0;
    const renewals = waits.map(({ waitMs, onItsWayMs }) => {
      const asked = clock + waitMs;
      clock = asked + onItsWayMs;
      return { writtenAt: clock, deadline: asked + TTL_MS };
    });
    let [now, known] = [0, NO_SESSIONS];
    for (const pause of pauses) {
      now += pause;
      const local = moment(now + offset);
      const count = renewals.filter(({ writtenAt }) => writtenAt <= now).length;
      const last = renewals[count - 1];
      if (last === undefined) continue;
      known = watchSessions(known, [seen(count)], local);
      if (endedSessions(known, local).length === 0) continue;
      ends += 1;
      assert.ok(now >= last.deadline, "it was ended too early");
    }
  }));
  assert.ok(ends > 0, "some sessions ended");
});
