import assert from "node:assert/strict";
import fc from "fast-check";
import { moment } from "../../base/units.ts";
import type { FencedAgent, FenceWord } from "../../model/fence.ts";
import {
  type FenceLook,
  fencePlan,
  type FenceProgress,
  nextFenceStep,
  NO_PROGRESS,
} from "./fence.ts";

const GRACE_MS = 5_000;
const DEADLINE = moment(100_000);

function agent(
  facts: Partial<Pick<FencedAgent, "deadline" | "goneSince">> = {},
  word: Partial<FenceWord> = {},
): FencedAgent {
  return {
    pid: 7,
    deadline: DEADLINE,
    goneSince: null,
    ...facts,
    word: {
      instance: "primary",
      isPaused: false,
      isStandingDown: false,
      stopBudgetMs: 5_000,
      leaderRevision: "12",
      vips: [],
      ...word,
    },
  };
}

Deno.test("fencePlan() gives a frozen agent the lease less the stop", () => {
  assert.deepEqual(fencePlan(agent(), GRACE_MS), {
    beginAt: 95_500,
    immediateAt: 98_000,
    killAt: 99_000,
  });
});

Deno.test("fencePlan() gives a dead agent its grace, at most until the same moment", () => {
  const early = fencePlan(agent({ goneSince: moment(80_000) }), GRACE_MS);
  assert.equal(early?.beginAt, 85_000);
  assert.equal(early?.killAt, 99_000);
  const late = fencePlan(agent({ goneSince: moment(94_000) }), GRACE_MS);
  assert.equal(late?.beginAt, 95_500);
  const unled = { deadline: null, goneSince: moment(80_000) };
  assert.deepEqual(fencePlan(agent(unled), GRACE_MS), {
    beginAt: 85_000,
    immediateAt: 95_000,
    killAt: 100_000,
  });
});

Deno.test("fencePlan() leaves replicas, paused members and agents without a lease alone", () => {
  const gone = { goneSince: moment(1) };
  assert.equal(fencePlan(agent(gone, { instance: "other" }), GRACE_MS), null);
  assert.equal(fencePlan(agent(gone, { isPaused: true }), GRACE_MS), null);
  assert.equal(fencePlan(agent({ deadline: null }), GRACE_MS), null);
});

Deno.test("fencePlan() is a back-up while the agent stops the instance itself", () => {
  const word = { isStandingDown: true };
  assert.equal(fencePlan(agent({}, word), GRACE_MS)?.beginAt, 99_500);
  const died = fencePlan(agent({ goneSince: moment(80_000) }, word), GRACE_MS);
  assert.equal(died?.beginAt, 85_000);
});

interface Row {
  readonly why: string;
  readonly at: number;
  readonly agent?: FencedAgent;
  readonly instance?: FenceLook["instance"];
  readonly progress?: Partial<FenceProgress>;
  readonly step: string;
}

const DEAD = agent({ goneSince: moment(80_000) });
const CUT = { isCut: true } as const;

const ROWS: readonly Row[] = [
  { why: "before its time", at: 95_499, step: "nothing until 95500" },
  { why: "the time has come", at: 95_500, step: "cut_sessions" },
  { why: "then a fast stop", at: 95_500, progress: CUT, step: "stop fast" },
  {
    why: "a stop is sent once",
    at: 95_600,
    progress: { ...CUT, stopSent: "fast" },
    step: "nothing until 95650",
  },
  {
    why: "fast took too long",
    at: 98_000,
    progress: { ...CUT, stopSent: "fast" },
    step: "stop immediate",
  },
  {
    why: "immediate took too long",
    at: 99_000,
    progress: { ...CUT, stopSent: "immediate" },
    step: "stop kill",
  },
  {
    why: "a kill is repeated until nothing is left",
    at: 99_050,
    progress: { ...CUT, stopSent: "kill" },
    step: "stop kill",
  },
  {
    why: "late, at once the kill",
    at: 99_900,
    progress: CUT,
    step: "stop kill",
  },
  {
    why: "a frozen agent keeps its right until the deadline",
    at: 97_000,
    instance: "down",
    progress: CUT,
    step: "nothing until 97050",
  },
  {
    why: "after it the key goes back",
    at: 100_000,
    instance: "down",
    progress: CUT,
    step: "give_back_key",
  },
  {
    why: "a dead agent's key goes back at once",
    at: 85_400,
    agent: DEAD,
    instance: "down",
    progress: CUT,
    step: "give_back_key",
  },
  {
    why: "afterwards it only watches",
    at: 86_000,
    agent: DEAD,
    instance: "down",
    progress: { ...CUT, isKeySettled: true, wasDown: true },
    step: "nothing until 87000",
  },
  {
    why: "a dead agent's primary that somebody starts again is stopped again",
    at: 86_000,
    agent: DEAD,
    progress: { ...CUT, isKeySettled: true, wasDown: true },
    step: "stop fast",
  },
  {
    why: "read-only by now, by its own files",
    at: 95_500,
    instance: "standby",
    step: "nothing until 96500",
  },
  {
    why: "a promotion may be under way, whatever the files say yet",
    at: 95_500,
    agent: agent({}, { instance: "may_become_primary" }),
    instance: "standby",
    step: "cut_sessions",
  },
  {
    why: "the agent's own stop came to an end",
    at: 99_500,
    agent: agent({}, { isStandingDown: true }),
    instance: "down",
    step: "nothing until 100500",
  },
  {
    why: "the agent's own stop came to nothing",
    at: 99_500,
    agent: agent({}, { isStandingDown: true }),
    progress: CUT,
    step: "stop kill",
  },
];

for (const row of ROWS) {
  Deno.test(`nextFenceStep(): ${row.why}`, () => {
    assert.equal(said(row), row.step);
  });
}

function said(row: Row): string {
  const who = row.agent ?? agent();
  const plan = fencePlan(who, GRACE_MS);
  assert.ok(plan !== null);
  const step = nextFenceStep({
    now: moment(row.at),
    agent: who,
    plan,
    instance: row.instance ?? "running",
    progress: { ...NO_PROGRESS, ...row.progress },
  });
  switch (step.kind) {
    case "nothing":
      return `nothing until ${step.lookAt}`;
    case "stop_postgres":
      return `stop ${step.mode}`;
    case "cut_sessions":
    case "give_back_key":
      return step.kind;
  }
}

Deno.test("a fence is at the kill before any lease ends", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1_250, max: 5_000 }),
    fc.option(fc.integer({ min: 0, max: 200_000 })),
    (stopBudgetMs, goneAt) => {
      const goneSince = goneAt === null ? null : moment(goneAt);
      const plan = fencePlan(agent({ goneSince }, { stopBudgetMs }), GRACE_MS);
      assert.ok(plan !== null);
      assert.ok(plan.beginAt <= plan.immediateAt);
      assert.ok(plan.immediateAt <= plan.killAt);
      assert.ok(plan.killAt <= DEADLINE - 0.2 * stopBudgetMs + 1);
    },
  ));
});
