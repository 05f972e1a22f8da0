import assert from "node:assert/strict";
import { lsn } from "../../base/units.ts";
import type { LocalEnd } from "../../model/peer_view.ts";
import { judgeDivergence } from "./divergence.ts";

/** The leader is on timeline 3: 1 ended at 100, 2 at 200. */
const HISTORY = [
  { timeline: 1, switchpoint: lsn(100), reason: "" },
  { timeline: 2, switchpoint: lsn(200), reason: "" },
];

type Verdict = ReturnType<typeof judgeDivergence>["kind"];

const ROWS: readonly (readonly [
  string,
  readonly [LocalEnd["kind"], timeline: number, end: number],
  Verdict,
])[] = [
  ["the same timeline", ["replica", 3, 999], "same_line"],
  [
    "the same timeline and past the leader's end: another one of that number",
    ["replica", 3, 1001],
    "twin",
  ],
  [
    "the same timeline, written here: two primaries chose that number",
    ["primary_crash", 3, 999],
    "twin",
  ],
  ["a copy that was not started yet", ["backup", 3, 999], "same_line"],
  ["an old copy that was not started yet", ["backup", 2, 150], "same_line"],
  ["a shutdown that the leader may have", [
    "primary_shutdown",
    3,
    999,
  ], "same_line"],
  ["a timeline that the leader never heard of", ["replica", 4, 50], "diverged"],
  ["a replica before the switchpoint", ["replica", 2, 199], "same_line"],
  ["a replica exactly at the switchpoint", ["replica", 2, 200], "same_line"],
  ["a replica one byte past it", ["replica", 2, 201], "diverged"],
  ["a replica of an older branch", ["replica", 1, 101], "diverged"],
  ["a shutdown whose checkpoint the new leader has", [
    "primary_shutdown",
    2,
    200,
  ], "same_line"],
  [
    "a shutdown whose checkpoint it lacks",
    ["primary_shutdown", 2, 201],
    "diverged",
  ],
  ["a shutdown before the switchpoint is not ours to judge", [
    "primary_shutdown",
    2,
    199,
  ], "diverged"],
  [
    "a crash: the end is only a lower bound",
    ["primary_crash", 2, 150],
    "diverged",
  ],
];

for (const [name, [kind, timeline, end], expected] of ROWS) {
  Deno.test(`judgeDivergence(): ${name}`, () => {
    const verdict = judgeDivergence({
      kind: "answered",
      isInRecovery: false,
      systemId: "1",
      timeline: 3,
      history: HISTORY,
      endLsn: lsn(1000),
      localEnd: { kind, timeline, endLsn: lsn(end), history: null },
    });
    assert.equal(verdict.kind, expected);
  });
}

Deno.test("judgeDivergence(): a timeline that is missing in the leader's history diverged", () => {
  const verdict = judgeDivergence({
    kind: "answered",
    isInRecovery: false,
    systemId: "1",
    timeline: 3,
    history: HISTORY.slice(1),
    endLsn: lsn(1000),
    localEnd: { kind: "replica", timeline: 1, endLsn: lsn(1), history: null },
  });
  assert.equal(verdict.kind, "diverged");
});

Deno.test("judgeDivergence(): a leader in recovery, or an unread end, proves nothing", () => {
  const upstream = {
    kind: "answered",
    isInRecovery: false,
    systemId: "1",
    timeline: 3,
    history: HISTORY,
    endLsn: lsn(1000),
    localEnd: null,
  } as const;
  assert.equal(judgeDivergence(upstream).kind, "unknown");
  const localEnd = {
    kind: "replica",
    timeline: 9,
    endLsn: lsn(1),
    history: null,
  } as const;
  const inRecovery = { ...upstream, isInRecovery: true, localEnd };
  assert.equal(judgeDivergence(inRecovery).kind, "unknown");
});

Deno.test("judgeDivergence(): timelines of one number with two histories are twins", () => {
  const fork = (at: number) => [
    ...HISTORY.slice(0, 1),
    { timeline: 2, switchpoint: lsn(at), reason: "" },
  ];
  const verdict = (at: number, isInRecovery: boolean) =>
    judgeDivergence({
      kind: "answered",
      isInRecovery,
      systemId: "1",
      timeline: 3,
      history: HISTORY,
      endLsn: lsn(1000),
      localEnd: {
        kind: "replica",
        timeline: 3,
        endLsn: lsn(300),
        history: fork(at),
      },
    }, "any").kind;
  assert.equal(verdict(200, false), "same_line");
  assert.equal(verdict(190, false), "twin");
  assert.equal(verdict(190, true), "twin");
});

Deno.test("judgeDivergence(): a standby that is asked may be behind", () => {
  const verdict = judgeDivergence({
    kind: "answered",
    isInRecovery: true,
    systemId: "1",
    timeline: 3,
    history: HISTORY,
    endLsn: lsn(1000),
    localEnd: {
      kind: "primary_shutdown",
      timeline: 3,
      endLsn: lsn(1001),
      history: HISTORY,
    },
  }, "any");
  assert.equal(verdict.kind, "same_line");
});
