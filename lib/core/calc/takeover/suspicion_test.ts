import assert from "node:assert/strict";
import { moment } from "../../base/units.ts";
import { isInDoubt } from "./doubt.ts";
import type { LeaderSigns } from "../../model/pledge_view.ts";
import { isSuspected } from "./suspicion.ts";

const TIMING = { suspectAfterMs: 1_500, vetoTimeMs: 700 };
const NO_VETO = { count: 0, lastAt: null };

function suspects(signs: Partial<LeaderSigns>, vetoes: {
  readonly count: number;
  readonly lastAt: ReturnType<typeof moment> | null;
} = NO_VETO): boolean {
  const all = {
    heardAt: moment(8_500),
    walAt: null,
    isRefused: false,
    ...signs,
  };
  return isSuspected(moment(10_000), all, { timing: TIMING, vetoes });
}

Deno.test("isSuspected() wants both the agent and the WAL silent for the whole time", () => {
  assert.equal(suspects({}), true);
  assert.equal(suspects({ heardAt: moment(8_501) }), false);
  assert.equal(suspects({ walAt: moment(8_501) }), false);
  assert.equal(suspects({ walAt: moment(8_500) }), true);
});

Deno.test("isSuspected() believes at once that nothing listens any more", () => {
  const fresh = { heardAt: moment(9_999), walAt: moment(9_999) };
  assert.equal(suspects({ ...fresh, isRefused: true }), true);
  assert.equal(suspects(fresh), false);
});

Deno.test("isSuspected() suspects no leader whose agent was never heard", () => {
  assert.equal(suspects({ heardAt: null, isRefused: true }), false);
});

for (
  const [count, pauseMs] of [
    [1, 1_500],
    [2, 3_000],
    [4, 12_000],
    [10, 60_000],
    [500, 60_000],
  ] as const
) {
  Deno.test(`isSuspected() rests ${pauseMs} ms after veto ${count}`, () => {
    const at = (ms: number) => ({ count, lastAt: moment(10_000 - ms) });
    assert.equal(suspects({}, at(pauseMs - 1)), false);
    assert.equal(suspects({}, at(pauseMs)), true);
  });
}

Deno.test("isInDoubt() counts the voters that could have pledged", () => {
  const now = moment(10_000);
  const old = moment(8_500);
  const fresh = moment(8_501);
  const doubt = (storeAt: typeof now, heard: readonly string[]): boolean =>
    isInDoubt(now, {
      storeAt,
      voterAt: new Map(heard.map((name) => [name, fresh])),
    }, {
      sync: { quorum: 1, standbys: ["b", "c", "d"] },
      suspectAfterMs: 1_500,
    });
  assert.equal(doubt(old, []), true);
  assert.equal(doubt(old, ["b"]), true, "c and d are quorum + 1");
  assert.equal(doubt(old, ["b", "c"]), false);
  assert.equal(doubt(fresh, []), false);
});

Deno.test("isInDoubt() knows no doubt without voters", () => {
  const contacts = { storeAt: moment(0), voterAt: new Map() };
  const sync = { quorum: 0, standbys: [] };
  assert.equal(
    isInDoubt(moment(9_000), contacts, { sync, suspectAfterMs: 1_500 }),
    false,
  );
});
