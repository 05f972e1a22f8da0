import assert from "node:assert/strict";
import { lsn, moment } from "../../base/units.ts";
import {
  type LagHistory,
  lagMsOf,
  NO_LAG_HISTORY,
  noteLeaderPosition,
} from "./lag_history.ts";

function seen(
  history: LagHistory,
  position: number | null,
  { now, leader = "n1" }: { readonly now: number; readonly leader?: string },
): LagHistory {
  const leaderLsn = position === null ? null : lsn(position);
  return noteLeaderPosition(history, { leader, leaderLsn, now: moment(now) });
}

Deno.test("lagMsOf() counts from when the leader was first seen further", () => {
  let history = NO_LAG_HISTORY;
  for (const [position, at] of [[100, 0], [200, 10], [200, 20], [300, 30]]) {
    history = seen(history, position ?? null, { now: at ?? 0 });
  }
  const now = moment(40);
  assert.equal(lagMsOf(history, lsn(300), now), 0);
  assert.equal(lagMsOf(history, lsn(299), now), 10);
  assert.equal(lagMsOf(history, lsn(200), now), 10);
  assert.equal(lagMsOf(history, lsn(150), now), 30);
  assert.equal(lagMsOf(history, lsn(0), now), 40);
});

Deno.test("noteLeaderPosition() begins anew with another leader, also further behind", () => {
  const old = seen(NO_LAG_HISTORY, 500, { now: 0 });
  const next = seen(old, 400, { now: 10, leader: "n2" });
  assert.equal(lagMsOf(next, lsn(399), moment(15)), 5);
  assert.equal(lagMsOf(next, lsn(400), moment(15)), 0);
});

Deno.test("noteLeaderPosition() keeps what it has without a position, within a bound", () => {
  let history = seen(NO_LAG_HISTORY, 1, { now: 0 });
  assert.deepEqual(seen(history, null, { now: 10 }), history);
  for (let i = 2; i < 1_000; i++) history = seen(history, i, { now: i });
  assert.ok(history.samples.length <= 128);
  assert.equal(lagMsOf(history, lsn(998), moment(1_009)), 10);
});
