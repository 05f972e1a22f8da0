import assert from "node:assert/strict";
import { judge, reportText } from "./checker.ts";
import { type Attempt, parseHistory } from "./history.ts";

let count = 0;

function acked(
  [member, timeline]: readonly [string, number],
  startedMs: number,
  lane = "vip",
): Attempt {
  const outcome = { kind: "acked", member, timeline } as const;
  return {
    id: `${lane}/${count++}`,
    lane,
    startedMs,
    endedMs: startedMs + 5,
    outcome,
  };
}

const N1 = ["n1", 1] as const;
const N2 = ["n2", 2] as const;

Deno.test("checker: one reign after the other is in order", () => {
  const history = [acked(N1, 0), acked(N1, 100), acked(N2, 900)];
  const report = judge(history, new Set(history.map(({ id }) => id)));
  assert.deepEqual(report.overlaps, []);
  assert.deepEqual(report.missing, []);
  assert.equal(report.longestGapMs, 800);
  assert.deepEqual(report.reigns.map(({ writes }) => writes), [2, 1]);
});

Deno.test("checker: an old primary that still writes is an overlap", () => {
  const report = judge([acked(N1, 0), acked(N2, 900), acked(N1, 1_000)], null);
  assert.equal(report.overlaps.length, 1);
  assert.equal(report.overlaps[0]?.ms, 95);
});

Deno.test("checker: a write that was under way when the next reign began proves nothing", () => {
  assert.deepEqual(
    judge([acked(N1, 0), acked(N2, 900), acked(N1, 904)], null).overlaps,
    [],
  );
});

Deno.test("checker: one timeline on two members is an overlap whenever it was", () => {
  const report = judge([acked(["n1", 2], 0), acked(N2, 9_000)], null);
  assert.equal(report.overlaps.length, 1);
});

Deno.test("checker: a member that leads twice is no overlap", () => {
  const history = [acked(N1, 0), acked(N2, 100), acked(["n1", 3], 200)];
  assert.deepEqual(judge(history, null).overlaps, []);
});

Deno.test("checker: an acknowledged row that is not there is missing", () => {
  const lost = acked(N1, 0);
  assert.deepEqual(judge([lost], new Set()).missing, [lost.id]);
});

Deno.test("checker: looks at some lanes only", () => {
  const history = [
    acked(N1, 0),
    acked(N2, 900),
    acked(N1, 2_000, "direct-n1"),
  ];
  assert.deepEqual(judge(history, null, "vip").overlaps, []);
  assert.equal(judge(history, null).overlaps.length, 1);
  assert.match(reportText(judge(history, null)), /1 overlaps/);
});

Deno.test("history: a half-written last line is left out", () => {
  const text = JSON.stringify(acked(N1, 0));
  assert.equal(parseHistory(`${text}\n{"id":`).length, 1);
});
