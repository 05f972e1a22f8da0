import assert from "node:assert/strict";
import {
  cluster,
  leaderMember,
  member,
  NOW,
  outcome,
} from "../../../tests/helpers/builders.ts";
import { lsn, moment, revision } from "../base/units.ts";
import type { ClusterView } from "./cluster_view.ts";
import {
  type AgentMemory,
  FIRST_MEMORY,
  type MemoryEvent,
  remember,
} from "./memory.ts";

const MEMORY: AgentMemory = {
  ...FIRST_MEMORY,
  role: "replica",
  divergence: "unsuspected",
  knownPeers: { leader: "n1", members: [member("n1"), member("n2")] },
  leaderTimeline: 1,
  lastLeaderTimeline: 1,
};

/** A row: what happened, to which memory, and what of it changed. */
type Row = readonly [
  name: string,
  event: MemoryEvent,
  expected: Partial<AgentMemory>,
  before?: Partial<AgentMemory>,
];

function led(name: string, timeline: number): ClusterView {
  return cluster({
    leader: { name, isHeld: false, revision: revision(1) },
    members: [leaderMember(name, { timeline })],
  });
}

function peers(name: string, timeline: number) {
  return { leader: name, members: [leaderMember(name, { timeline })] };
}

function ended(
  ...args: Parameters<typeof outcome>
): Extract<MemoryEvent, { kind: "task_ended" }> {
  return { kind: "task_ended", outcome: outcome(...args) };
}

const CLONE = { kind: "clone", source: "n1", isBootstrapOwner: false } as const;
const OLD_CLONE = {
  kind: "clone",
  source: "n9",
  isBootstrapOwner: false,
} as const;
const REWIND = { kind: "rewind", source: "n1", isLastAttempt: false } as const;
const RESTART = {
  kind: "restart",
  timeoutMs: 1,
  isScheduled: false,
} as const;
const FOLLOW = { kind: "follow", upstream: "n1" } as const;
const NOT_STARTING = { startingSince: null, startTimeoutMs: null };
const FAILED = { result: "failed" } as const;

const SCHEDULED = {
  schedule: "2026-11-20T05:00:00+00:00",
  filters: {
    role: null,
    postgresVersion: null,
    isPendingOnly: false,
    timeoutMs: null,
  },
  postmasterStartTime: null,
};

const ROWS: readonly Row[] = [
  ["a view without leader says nothing", {
    kind: "viewed",
    view: cluster({ leader: null }),
  }, {}],
  ["the same leader on its timeline is no news", {
    kind: "viewed",
    view: led("n1", 1),
  }, { knownPeers: peers("n1", 1) }],
  ["a higher timeline makes the own WAL suspect", {
    kind: "viewed",
    view: led("n1", 2),
  }, {
    knownPeers: peers("n1", 2),
    leaderTimeline: 2,
    lastLeaderTimeline: 2,
    divergence: "suspected",
  }],
  // A standby leader on its way back from its own timeline to the remote's.
  [
    "a lower timeline of the same leader makes the own WAL suspect",
    { kind: "viewed", view: led("n1", 1) },
    {
      knownPeers: peers("n1", 1),
      lastLeaderTimeline: 1,
      divergence: "suspected",
    },
    { leaderTimeline: 2, lastLeaderTimeline: 2 },
  ],
  [
    "a leader that tells no timeline is no news, and the last one is kept",
    { kind: "viewed", view: led("n1", 0) },
    { knownPeers: peers("n1", 0) },
  ],
  // Simulator, seed 134: a replica on timeline 5 waited for ever to stream
  // from a new leader on timeline 4.
  [
    "another leader makes the own WAL suspect, also on a lower timeline",
    {
      kind: "viewed",
      view: led("n2", 1),
    },
    { knownPeers: peers("n2", 1), divergence: "suspected", leaderTimeline: 5 },
    {
      leaderTimeline: 5,
    },
  ],
  ["a failed rewind is not forgotten for a view", {
    kind: "viewed",
    view: led("n2", 7),
  }, {
    knownPeers: peers("n2", 7),
    leaderTimeline: 7,
    lastLeaderTimeline: 7,
    divergence: "rewind_failed",
  }, { divergence: "rewind_failed" }],
  [
    "the first leader ever seen proves nothing",
    {
      kind: "viewed",
      view: led("n1", 3),
    },
    {
      knownPeers: peers("n1", 3),
      leaderTimeline: 3,
      lastLeaderTimeline: 3,
    },
    {
      leaderTimeline: 0,
      lastLeaderTimeline: 0,
      knownPeers: null,
    },
  ],
  ["a clone of the leader is trusted", ended(CLONE), {
    lastOutcome: outcome(CLONE),
    role: "replica",
    divergence: "unsuspected",
  }, { divergence: "suspected", role: "uninitialized" }],
  // Simulator, seeds 1460 and 1752: the source lost the lead during the copy.
  ["a clone of a member that no longer leads is suspect", ended(OLD_CLONE), {
    lastOutcome: outcome(OLD_CLONE),
    divergence: "suspected",
  }],
  // Simulator, seed 5412: more WAL came from the old upstream after the check.
  // Simulator, seed 8920: it streamed from the old upstream until it was down.
  ["a restart may change the upstream, too", ended(RESTART), {
    lastOutcome: outcome(RESTART),
    divergence: "suspected",
  }],
  ["a change of upstream is followed by a check", ended(FOLLOW), {
    lastOutcome: outcome(FOLLOW),
    divergence: "suspected",
  }],
  ["a failed clone changes nothing", ended(CLONE, FAILED), {
    lastOutcome: outcome(CLONE, FAILED),
    failuresInRow: 1,
    divergence: "suspected",
  }, { divergence: "suspected" }],
  ["a rewind to the leader's line is trusted", ended(REWIND), {
    lastOutcome: outcome(REWIND),
    divergence: "unsuspected",
  }, { divergence: "suspected" }],
  ["failures in a row are counted", ended(REWIND, FAILED), {
    lastOutcome: outcome(REWIND, FAILED),
    failuresInRow: 3,
  }, { lastOutcome: outcome(REWIND, FAILED), failuresInRow: 2 }],
  ["failures of another task begin a new row", ended(REWIND, FAILED), {
    lastOutcome: outcome(REWIND, FAILED),
    failuresInRow: 1,
  }, { lastOutcome: outcome(CLONE, FAILED), failuresInRow: 2 }],
  [
    "a switchover remembers when",
    ended({
      kind: "demote",
      how: "graceful",
      deadline: null,
      escalateAfterMs: null,
    }),
    {
      lastOutcome: outcome({
        kind: "demote",
        how: "graceful",
        deadline: null,
        escalateAfterMs: null,
      }),
      role: "demoted",
      divergence: "suspected",
      demotedAt: NOW,
    },
  ],
  [
    "any other demotion does not wait for a successor",
    ended({
      kind: "demote",
      how: "offline",
      deadline: null,
    }),
    {
      lastOutcome: outcome({ kind: "demote", how: "offline", deadline: null }),
      role: "demoted",
      divergence: "suspected",
    },
  ],
  ["a start is under way", {
    kind: "starting",
    at: moment(5),
    timeoutMs: 7,
  }, { isRecovering: true, startingSince: moment(5), startTimeoutMs: 7 }],
  ["an answer ends the start", { kind: "answered", role: "primary" }, {
    role: "primary",
    ...NOT_STARTING,
    isRecovering: false,
  }, { isRecovering: true, startingSince: moment(5), startTimeoutMs: 7 }],
  ["a stop ends the start's time", { kind: "stopped" }, NOT_STARTING, {
    isRecovering: true,
    startingSince: moment(5),
    startTimeoutMs: 7,
  }],
  ["the initialize race is won", { kind: "initialize", isOwner: true }, {
    isBootstrapOwner: true,
  }],
  ["a restart is scheduled", {
    kind: "restart_scheduled",
    restart: SCHEDULED,
  }, { scheduledRestart: SCHEDULED }],
  [
    "a schedule is dropped",
    {
      kind: "restart_scheduled",
      restart: null,
    },
    { scheduledRestart: null },
    { scheduledRestart: SCHEDULED },
  ],
  [
    "a failsafe map that is written adds to the one that was read",
    {
      kind: "failsafe_published",
      map: { n1: "a", n3: "c" },
    },
    { failsafe: { n1: "a", n2: "b", n3: "c" } },
    {
      failsafe: { n1: "old", n2: "b" },
    },
  ],
  ["a leader did not come up again", { kind: "recovery_failed" }, {
    role: "demoted",
  }, { role: "primary" }],
  ["a promotion was forbidden", {
    kind: "pre_promote_failed",
    at: moment(5),
  }, { prePromoteFailedAt: moment(5) }],
  ["the synchronous duty is given back", {
    kind: "sync_duty",
    isReleased: true,
  }, { isSyncDutyReleased: true }],
  [
    "a write of the sync key is under way",
    {
      kind: "sync_written",
      outcome: "unknown",
    },
    { isSyncWriteUncertain: true },
    { isSyncWriteUncertain: false },
  ],
  ["a write of the sync key was answered", {
    kind: "sync_written",
    outcome: "known",
  }, { isSyncWriteUncertain: false }],
  ["the agent began", {
    kind: "began",
    lastConsent: { at: moment(3), ttlMs: null },
  }, { lastConsent: { at: moment(3), ttlMs: null } }],
  [
    "a refusal counts from the first one",
    {
      kind: "failsafe_answered",
      refusal: { since: moment(9), isByLeader: true },
    },
    { failsafeRefusal: { since: moment(3), isByLeader: true } },
    {
      failsafeRefusal: { since: moment(3), isByLeader: false },
    },
  ],
  ["until all agree", { kind: "failsafe_answered", refusal: null }, {
    failsafeRefusal: null,
  }, { failsafeRefusal: { since: moment(3), isByLeader: false } }],
  ["a replica under a leader moves: no matter", walSeen(9, "led"), {
    seenLsn: lsn(9),
    walMovedAt: null,
  }, { seenLsn: lsn(8), walMovedAt: moment(1) }],
  ["without a leader the first move counts", walSeen(9, "free"), {
    seenLsn: lsn(9),
    walMovedAt: moment(7),
  }, { seenLsn: lsn(8) }],
  ["and later ones do not", walSeen(9, "free"), {
    seenLsn: lsn(9),
    walMovedAt: moment(1),
  }, { seenLsn: lsn(8), walMovedAt: moment(1) }],
  [
    "a stream that has ended moves nothing",
    {
      ...walSeen(9, "free"),
      isStreaming: false,
    },
    { seenLsn: lsn(9), walMovedAt: null },
    { seenLsn: lsn(8) },
  ],
];

function walSeen(
  at: number,
  key: "led" | "free",
): Extract<MemoryEvent, { kind: "wal_seen" }> {
  return {
    kind: "wal_seen",
    at: moment(7),
    lsn: lsn(at),
    isStreaming: true,
    hasLeader: key === "led",
  };
}

for (const [name, event, expected, before = {}] of ROWS) {
  Deno.test(`remember(): ${name}`, () => {
    const known = { ...MEMORY, ...before };
    assert.deepEqual(remember(known, event), { ...known, ...expected });
  });
}
