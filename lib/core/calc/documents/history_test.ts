import assert from "node:assert/strict";
import { lsn } from "../../base/units.ts";
import type { HistoryLine } from "../../model/cluster_view.ts";
import { isHistoryStale, mergeHistory } from "./history.ts";

function line(
  timeline: number,
  newLeader: string | null,
  switchpoint = timeline * 16,
): HistoryLine {
  return {
    timeline,
    switchpoint: lsn(switchpoint),
    reason: "no recovery target specified",
    timestamp: newLeader === null ? null : `at ${timeline}`,
    newLeader,
  };
}

const TEXT = "1\t0/10\tno recovery target specified\n\n" +
  "2\t0/20\tno recovery target specified\n";

const STALE: readonly (readonly [
  string,
  readonly HistoryLine[] | null,
  number,
  boolean,
])[] = [
  ["nothing is known, timeline 1", null, 1, false],
  ["an empty list on timeline 1", [], 1, false],
  ["a list of another lineage on timeline 1", [line(1, "a")], 1, true],
  ["nothing is known, timeline 2", null, 2, true],
  ["the last line is the timeline before", [line(1, "a")], 2, false],
  ["the last line is older", [line(1, "a")], 3, true],
  ["the last line has no name", [line(1, null)], 2, true],
];

for (const [name, known, timeline, expected] of STALE) {
  Deno.test(`isHistoryStale(): ${name}`, () => {
    assert.equal(isHistoryStale(known, timeline), expected);
  });
}

Deno.test("mergeHistory() keeps the names that only the key remembers", () => {
  const merged = mergeHistory({
    self: "b",
    text: TEXT,
    timestamp: "now",
    known: [line(1, "a")],
    linesMax: 0,
  });
  assert.deepEqual(merged, [
    line(1, "a"),
    { ...line(2, "b"), timestamp: "now" },
  ]);
});

Deno.test("mergeHistory() names nobody for a switch that it did not see", () => {
  const merged = mergeHistory({
    self: "b",
    text: TEXT,
    timestamp: "now",
    known: null,
    linesMax: 0,
  });
  assert.deepEqual(merged.map((l) => l.newLeader), [null, "b"]);
});

Deno.test("mergeHistory() does not take the name of another branch's switch", () => {
  const merged = mergeHistory({
    self: "b",
    text: TEXT,
    timestamp: "now",
    known: [line(1, "a", 99)],
    linesMax: 0,
  });
  assert.equal(merged[0]?.newLeader, null);
});

Deno.test("mergeHistory() keeps only the newest lines", () => {
  const inputs = { self: "b", text: TEXT, timestamp: "now", known: null };
  const merged = mergeHistory({ ...inputs, linesMax: 1 });
  assert.deepEqual(merged.map((l) => l.timeline), [2]);
});
