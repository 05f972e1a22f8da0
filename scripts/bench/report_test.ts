import { deepEqual, equal, match, throws } from "node:assert/strict";
import { markdown, median, type Round, summaries } from "./report.ts";
import { roundsOf } from "./system.ts";

function round(gapMs: number, number: number): Round {
  return {
    system: "patroni",
    round: number,
    kind: "switchover",
    oldLeader: "m1",
    newLeader: "m2",
    gapMs,
    errors: 2,
    acknowledged: 100,
    lost: number === 1 ? 1 : 0,
  };
}

Deno.test("median() takes the middle, or the mean of two", () => {
  equal(median([9, 1, 5]), 5);
  equal(median([4, 1, 2, 9]), 3);
  equal(median([7]), 7);
});

Deno.test("summaries() count only what was measured", () => {
  const rows = summaries([round(6500, 1), round(6100, 2), round(7200, 3)]);
  deepEqual(rows, [{
    scenario: "switchover",
    system: "patroni",
    rounds: 3,
    medianMs: 6500,
    maximumMs: 7200,
    errors: 6,
    acknowledged: 300,
    lost: 1,
  }]);
  match(markdown(rows), /Patroni \+ HAProxy \| 3 \| 6\.5 s \| 7\.2 s \| 6 /);
});

Deno.test("roundsOf() lets Patroni have fewer, and no round of nothing", () => {
  deepEqual(roundsOf("10"), { matriarch: 10, patroni: 10 });
  deepEqual(roundsOf("10", "4"), { matriarch: 10, patroni: 4 });
  throws(() => roundsOf("10", "x"), /not x/);
});
