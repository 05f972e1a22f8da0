/**
 * What the rule tables share: short hands for observations, and the loop that
 * turns rows into tests.
 */
import assert from "node:assert/strict";
import { lsn, moment, revision } from "../../lib/core/base/units.ts";
import { decide, type Ruling, SECTIONS } from "../../lib/core/decide.ts";
import type { Decision } from "../../lib/core/model/decision.ts";
import { outcomeOf } from "../../lib/core/rules/rule.ts";
import type { ClusterView } from "../../lib/core/model/cluster_view.ts";
import { NO_TAGS } from "../../lib/core/model/member.ts";
import { FIRST_MEMORY } from "../../lib/core/model/memory.ts";
import type { Observation } from "../../lib/core/model/observation.ts";
import type {
  PeerAnswer,
  UpstreamView,
} from "../../lib/core/model/peer_view.ts";
import { DEFAULT_SETTINGS } from "../../lib/core/model/settings.ts";
import type { LongTask } from "../../lib/core/model/task_view.ts";
import { HERE, NOW } from "./builders.ts";

/** A row of a table: what is seen, the rule that must answer, the gist of its decision. */
export type Row = readonly [
  name: string,
  o: Observation,
  expected: readonly [rule: string, gist: string],
];

export const BEHIND = lsn(HERE - 16n);
export const AHEAD = lsn(HERE + 16n);
export const MEMORY = {
  ...FIRST_MEMORY,
  role: "replica",
  divergence: "unsuspected",
  isSyncWriteUncertain: false,
} as const;
export const SUSPECTED = { ...MEMORY, divergence: "suspected" } as const;
export const NOFAILOVER = { ...NO_TAGS, isNofailover: true };
export const SHORT_LEASE = {
  lease: {
    kind: "held",
    deadline: moment(NOW + 3_000),
    isFresh: true,
    source: "store",
    cover: "not_asked",
  },
} as const;
export const DUE = {
  lease: {
    kind: "held",
    deadline: moment(NOW + 20_000),
    isFresh: false,
    source: "store",
    cover: "not_asked",
  },
} as const;

export function asked(...answers: PeerAnswer[]): Pick<Observation, "peers"> {
  return { peers: { kind: "asked", answers } };
}

export function running(task: LongTask): Pick<Observation, "task"> {
  return { task: { kind: "running", task, startedAt: NOW } };
}

export function settings(
  changes: Partial<typeof DEFAULT_SETTINGS>,
): Pick<Observation, "settings"> {
  return { settings: { ...DEFAULT_SETTINGS, ...changes } };
}

export function sync(
  leader: string,
  ...standbys: string[]
): Pick<ClusterView, "sync"> {
  return { sync: { leader, quorum: 0, standbys, revision: revision(5) } };
}

export function failover(
  leader: string | null,
  candidate: string | null,
): Pick<ClusterView, "failover"> {
  const rest = { scheduledAt: null, revision: revision(6) };
  return { failover: { leader, candidate, ...rest } };
}

/** The history of a leader on timeline 2 that forked at HERE, and the own end. */
export function history(timeline: number, endLsn = HERE): UpstreamView {
  return {
    kind: "answered",
    isInRecovery: false,
    systemId: "1",
    timeline: 2,
    history: [{ timeline: 1, switchpoint: HERE, reason: "promoted" }],
    endLsn: HERE,
    localEnd: { timeline, endLsn, kind: "replica", history: null },
  };
}

const DECLARED = new Map(
  SECTIONS.flatMap(({ rules }) =>
    rules.map(({ id, decides }) => [id, new Set<string>(decides)] as const)
  ),
);

/** The row may decide that: docs/rules.md says so. */
export function assertDeclared(
  rule: Ruling["rule"],
  decision: Decision,
): void {
  const outcome = outcomeOf(decision);
  assert.ok(
    DECLARED.get(rule)?.has(outcome),
    `${rule} does not declare "${outcome}"`,
  );
}

function gist(o: Observation): readonly [string, string] {
  const { rule, decision } = decide(o);
  assertDeclared(rule, decision);
  if (decision.kind !== "start_task") {
    return [rule, `${decision.kind} ${decision.reason}`];
  }
  const { task } = decision;
  const detail = task.kind === "demote"
    ? ` ${task.how}`
    : task.kind === "start"
    ? ` ${task.as}`
    : "";
  return [rule, `${task.kind}${detail} ${decision.reason}`];
}

/** One test per row. */
export function testRows(section: string, rows: readonly Row[]): void {
  for (const [name, o, expected] of rows) {
    Deno.test(`decide() ${section}: ${name}`, () => {
      assert.deepEqual(gist(o), expected);
    });
  }
}
