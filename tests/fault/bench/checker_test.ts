import assert from "node:assert/strict";
import { judge, longestGapMs, reportText } from "./checker.ts";
import { type Attempt, HistoryFile } from "./history.ts";

let count = 0;

function acked(
  [member, timeline]: readonly [string, number],
  startedMs: number,
  lane = "vip",
): Attempt {
  // A byte of WAL in each millisecond.
  const lsn = `0/${startedMs.toString(16)}`;
  const outcome = { kind: "acked", member, timeline, lsn } as const;
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

Deno.test("checker: counts the WAL that was lost with a reign", () => {
  const kept = acked(N1, 0);
  const history = [kept, acked(N1, 100), acked(N1, 350), acked(N2, 900)];
  assert.equal(judge(history, new Set([kept.id])).lostBytes, 250);
  const all = new Set(history.map(({ id }) => id));
  assert.equal(judge(history, all).lostBytes, 0);
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

Deno.test("checker: time without a write counts up to both ends", () => {
  const refused = (startedMs: number): Attempt => ({
    id: `vip/${count++}`,
    lane: "vip",
    startedMs,
    endedMs: startedMs + 5,
    outcome: { kind: "failed", error: "ECONNREFUSED" },
  });
  assert.equal(longestGapMs([refused(0), acked(N1, 500)]), 505);
  assert.equal(longestGapMs([acked(N1, 0), refused(900)]), 900);
  assert.equal(longestGapMs([refused(0), refused(900)]), 905);
  const aside = acked(N1, 400, "direct-n1");
  assert.equal(longestGapMs([refused(0), aside, refused(900)], "vip"), 905);
  assert.equal(longestGapMs([]), 0);
});

Deno.test("checker: judges half an hour of writes", () => {
  const history = Array.from({ length: 300_000 }, (_, i) => acked(N1, i * 6));
  const report = judge([...history, acked(N2, 1_800_000)], null);
  assert.deepEqual(report.reigns.map(({ writes }) => writes), [300_000, 1]);
  assert.deepEqual(report.overlaps, []);
});

Deno.test("history: grows with its file; a half-written last line waits", () => {
  const path = Deno.makeTempFileSync();
  const file = new HistoryFile(path);
  const [one, two] = [acked(N1, 0), acked(N1, 10)];
  const rest = JSON.stringify(two);
  Deno.writeTextFileSync(path, `${JSON.stringify(one)}\n${rest.slice(0, 9)}`);
  assert.deepEqual(file.read(), [one]);
  Deno.writeTextFileSync(path, `${rest.slice(9)}\n`, { append: true });
  assert.deepEqual(file.read(), [one, two]);
  Deno.removeSync(path);
  assert.deepEqual(new HistoryFile(path).read(), []);
});
