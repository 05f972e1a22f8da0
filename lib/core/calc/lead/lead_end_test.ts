/** How a lead ended: the decisions are those that real agents told. */
import assert from "node:assert/strict";
import type { ToldDecision } from "../../model/told_decision.ts";
import { type LeadChange, leadChange, type LeadEnd } from "./lead_end.ts";

function told(
  member: string,
  second: number,
  rest: Partial<ToldDecision>,
): ToldDecision {
  const at = `2026-11-29T02:19:${String(second).padStart(2, "0")}.000Z`;
  return {
    member,
    rule: "R1",
    kind: "wait",
    task: null,
    reason: "following",
    facts: {},
    sentence: "",
    firstAt: at,
    lastAt: at,
    count: 1,
    ...rest,
  };
}

function demotion(
  member: string,
  second: number,
  reason: string,
): ToldDecision {
  return told(member, second, { kind: "start_task", task: "demote", reason });
}

function bid(
  member: string,
  second: number,
  facts: ToldDecision["facts"] = {},
): ToldDecision {
  return told(member, second, {
    ...{ kind: "acquire_lease", reason: "healthiest", facts },
  });
}

const CHANGE: LeadChange = { winner: "n2", before: null, previousAt: null };

function endOf(
  decisions: readonly ToldDecision[],
  change: Partial<LeadChange> = {},
): LeadEnd {
  return leadChange(decisions, { ...CHANGE, ...change }).end;
}

Deno.test("a demotion is a task, and ends a lead", () => {
  const given = demotion("n1", 10, "switchover_requested");
  const taken = bid("n2", 11, { former: "n1", formerState: "stopping" });
  const others = [told("n1", 12, {}), told("n3", 12, {})];
  const change = leadChange([given, taken, ...others], CHANGE);
  assert.deepEqual(change, { end: { kind: "given", decision: given }, taken });
});

Deno.test("so do a released key and the end of the agent", () => {
  for (const kind of ["release_lease", "exit"]) {
    const given = told("n1", 10, { kind });
    assert.deepEqual(endOf([given, bid("n2", 11)]), {
      kind: "given",
      decision: given,
    });
  }
});

Deno.test("nobody takes other tasks, members and times for the end of the lead", () => {
  const start = told("n1", 10, { kind: "start_task", task: "start" });
  const stranger = demotion("n3", 10, "not_leader");
  const later = demotion("n1", 12, "lease_lost");
  const own = demotion("n2", 9, "not_leader");
  const earlier = demotion("n1", 5, "switchover_requested");
  const taken = bid("n2", 11, {
    former: "n1",
    formerState: "running",
    formerAnswer: "no answer from http://127.0.0.1:8008 within 2 s",
  });
  const end = endOf([start, stranger, later, own, earlier, taken], {
    previousAt: "2026-11-29T02:19:06.000Z",
  });
  assert.deepEqual(end, {
    kind: "silent",
    former: "n1",
    detail: "no answer from http://127.0.0.1:8008 within 2 s",
  });
});

Deno.test("where the old leader tells nothing, the winner saw how it looked", () => {
  const cases: readonly (readonly [ToldDecision["facts"], LeadEnd])[] = [
    [
      { former: "n1", formerState: "stopping", formerAnswer: "replica" },
      { kind: "stopped", former: "n1" },
    ],
    [
      { former: "n1", formerState: "stopped", formerAnswer: "refused" },
      { kind: "stopped", former: "n1" },
    ],
    [
      { former: "n1", formerState: "stopping", candidate: "n2" },
      { kind: "requested", former: "n1" },
    ],
    [
      { former: "n1", formerState: "stopped", requestedFrom: "n1" },
      { kind: "requested", former: "n1" },
    ],
    [
      {
        former: "n1",
        formerState: null,
        formerAnswer: "connect ECONNREFUSED 127.0.0.1:8008",
      },
      {
        kind: "silent",
        former: "n1",
        detail: "connect ECONNREFUSED 127.0.0.1:8008",
      },
    ],
    [
      { former: "n1", formerState: "running", formerAnswer: "primary" },
      { kind: "key_lost", former: "n1", formerRole: "primary" },
    ],
    [
      { former: "n1", formerState: "running", formerAnswer: null },
      { kind: "unknown", former: "n1" },
    ],
    [{}, { kind: "unknown", former: null }],
  ];
  for (const [facts, end] of cases) {
    assert.deepEqual(endOf([bid("n2", 11, facts)]), end);
  }
});

Deno.test("a bid that lost the race, and agents that forgot, tell nothing", () => {
  assert.deepEqual(leadChange([bid("n3", 12, { former: "n1" })], CHANGE), {
    end: { kind: "unknown", former: null },
    taken: null,
  });
  assert.deepEqual(endOf([], { before: "n1" }), {
    kind: "unknown",
    former: "n1",
  });
  const anybody = endOf([
    bid("n3", 12, { former: "n1", formerState: "stopped" }),
  ], {
    winner: null,
  });
  assert.deepEqual(anybody, { kind: "stopped", former: "n1" });
});
