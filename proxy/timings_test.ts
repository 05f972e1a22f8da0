import assert from "node:assert/strict";
import { Ledger, ledgerCells } from "./ledger.ts";
import { SlotBook } from "./slot_book.ts";
import { bucketCell, sumCell, TIMING_CELLS, TIMINGS } from "./timings.ts";

Deno.test("timings: each bucket and each sum has a cell of its own", () => {
  const cells = TIMINGS.flatMap((timing) => {
    const buckets = new Set<number>();
    for (let ms = 0; ms < 1e9; ms = ms * 1.1 + 0.5) {
      buckets.add(bucketCell(timing, ms));
    }
    return [...buckets, sumCell(timing)];
  });
  const all = Array.from({ length: TIMING_CELLS }, (_, at) => at);
  assert.deepEqual(cells, all);
});

Deno.test("timings: a bound belongs to its bucket, and whatever is no time to the last", () => {
  const first = bucketCell("dial", 0);
  assert.equal(bucketCell("dial", 1), first);
  assert.equal(bucketCell("dial", 1.001), first + 1);
  const last = bucketCell("dial", Infinity);
  assert.equal(bucketCell("dial", 5_000), last - 1);
  assert.equal(bucketCell("dial", 5_001), last);
  assert.equal(last + 1, sumCell("dial"));
});

Deno.test("timings: all threads' are added up, each door has its own", () => {
  const book = new SlotBook();
  const cells = ledgerCells(2);
  const [one, two] = [0, 1].map((section) =>
    new Ledger({ cells, section, book })
  );
  assert.ok(one !== undefined && two !== undefined);
  one.addTime("primary", "dial", 2);
  two.addTime("primary", "dial", 2_000);
  two.addTime("primary", "dial", 60_000);
  two.addWait("replica", 300);
  const { dial, hold } = one.sums.times("primary");
  assert.deepEqual(dial.counts, [0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3]);
  assert.equal(dial.bounds.length + 1, dial.counts.length);
  assert.equal(dial.sum, 62.002);
  assert.equal(hold.counts.at(-1), 0);
  const waits = one.sums.times("replica").hold;
  assert.deepEqual(waits.counts, [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
  // What lies beside them is untouched.
  assert.equal(one.peaks.takeLongestWaitMs("primary"), 0);
  assert.equal(one.peaks.takeLongestWaitMs("replica"), 300);
  assert.deepEqual(
    Object.values(one.sums.totals("replica")),
    Array(16).fill(0),
  );
  assert.equal(one.sums.inside("primary"), 0);
  assert.equal(one.sums.insideAll(), 0);
});
