/**
 * OPERATOR: what people asked of a leader that is healthy: switchover, failover,
 * restart. Rows sit inside the leader's section, after those that repair.
 */
import { handOverPatienceMs } from "../calc/lead/budgets.ts";
import {
  readySuccessors,
  refusals,
  successors,
} from "../calc/lead/successors.ts";
import { memberRole } from "../calc/documents/publication.ts";
import { restartRefusal } from "../calc/lead/restart_conditions.ts";
import { switchoverTiming } from "../calc/lead/schedule.ts";
import type { FailoverRequest } from "../model/cluster_view.ts";
import type {
  ClearReason,
  Decision,
  Facts,
  RefuseReason,
} from "../model/decision.ts";
import type { Observation } from "../model/observation.ts";
import {
  answersOf,
  askPeers,
  primaryOf,
  replicaOf,
  restart,
  startTask,
  viewOf,
  waitShortly,
} from "./parts.ts";
import type { Outcome, Rule } from "./rule.ts";

/** Rows for a primary that holds the lease. */
export const OPERATOR: readonly Rule[] = [
  {
    id: "R510",
    why: "A request that is fulfilled or makes no sense here is removed.",
    decides: [
      "clear_failover already_leader",
      "clear_failover leader_mismatch",
      "clear_failover candidate_missing_in_pause",
    ],
    match: clearUnfitRequest,
  },
  {
    id: "R520",
    why: "A scheduled switchover waits for its time, unless a pause holds it.",
    decides: ["clear_failover schedule_passed", "wait switchover_scheduled"],
    match: (o) => {
      const request = viewOf(o).failover;
      if (request === null) return null;
      const timing = switchoverTiming(request.scheduledAt, o);
      if (timing.kind === "stale") return clear(request, "schedule_passed");
      return timing.kind === "later"
        ? null
        : timing.kind === "near"
        ? waitShortly(
          "switchover_scheduled",
          { inMs: timing.inMs },
          timing.inMs,
        )
        : null;
    },
  },
  {
    id: "R530",
    why: "A switchover needs a member that can take over right now.",
    decides: ["ask_peers switchover"],
    match: (o) =>
      isRequestDue(o)
        ? askPeers(o, successors(o, viewOf(o)), "switchover")
        : null,
  },
  {
    id: "R540",
    why:
      "With a successor ready the leader stops in order and hands the lease over; without one it stays.",
    decides: ["demote switchover_requested", "clear_failover no_candidate"],
    match: handOver,
  },
  {
    id: "R545",
    why:
      "A leader is not copied anew; a request from before it led would wait, and wipe it once it is a replica.",
    decides: ["refuse_request leads_by_now"],
    match: (o) => refuseCopy(o, "leads_by_now"),
  },
  {
    id: "R550",
    why: "A requested restart keeps lease and role.",
    decides: ["restart restart_requested"],
    match: restartOnRequest,
  },
];

/** What {@link restartOnSchedule} decides. */
export const RESTART_ON_SCHEDULE: readonly Outcome[] = [
  "restart restart_due",
  "drop_restart postmaster_changed",
  "drop_restart schedule_passed",
  "drop_restart conditions_unmet",
  "wait restart_scheduled",
];

/** A new copy makes no sense here. */
export function refuseCopy(
  o: Observation,
  reason: RefuseReason,
): Decision | null {
  return o.request?.kind === "reinitialize"
    ? { kind: "refuse_request", reason, facts: {} }
    : null;
}

/** Starts the restart that an operator asked for; shared with the follower's section. */
export function restartOnRequest(o: Observation): Decision | null {
  if (o.request?.kind !== "restart") return null;
  const timeoutMs = o.request.timeoutMs ?? o.settings.primaryStartTimeoutMs;
  return restart(timeoutMs, "restart_requested");
}

/** Removes `request`, which was answered or cannot be. */
export function clear(
  { revision }: FailoverRequest,
  reason: ClearReason,
  facts: Facts = {},
): Decision {
  return { kind: "clear_failover", reason, revision, facts };
}

function clearUnfitRequest(o: Observation): Decision | null {
  const request = viewOf(o).failover;
  if (request === null) return null;
  if (o.settings.isPaused && request.scheduledAt !== null) return null;
  if (request.candidate === o.self) return clear(request, "already_leader");
  if (request.leader !== null && request.leader !== o.self) {
    return clear(request, "leader_mismatch", {
      wanted: request.leader,
      leader: o.self,
    });
  }
  return request.candidate === null && o.settings.isPaused
    ? clear(request, "candidate_missing_in_pause")
    : null;
}

function isRequestDue(o: Observation): boolean {
  return dueRequest(o) !== null;
}

function dueRequest(o: Observation): FailoverRequest | null {
  const request = viewOf(o).failover;
  return request !== null &&
      switchoverTiming(request.scheduledAt, o).kind === "now"
    ? request
    : null;
}

function handOver(o: Observation): Decision | null {
  const request = dueRequest(o);
  if (request === null) return null;
  const asked = {
    answers: answersOf(o),
    limits: {
      requiredLsn: null,
      leaderLsn: primaryOf(o)?.flushedLsn ?? null,
    },
  };
  const ready = readySuccessors(o, viewOf(o), asked);
  if (ready.length === 0) {
    return clear(request, "no_candidate", refusals(o, viewOf(o), asked));
  }
  const escalateAfterMs = handOverPatienceMs(o.settings);
  return startTask(
    { kind: "demote", how: "graceful", deadline: null, escalateAfterMs },
    "switchover_requested",
    { ready: ready.join(",") },
  );
}

/**
 * The restart that was scheduled for now; shared with the follower's section. It
 * is removed by the attempt, also if its conditions do not hold.
 *
 * Source: docs/contract/ha.md 9.2.
 */
export function restartOnSchedule(o: Observation): Decision | null {
  const { scheduledRestart } = o.memory;
  if (scheduledRestart === null || o.settings.isPaused) return null;
  const { schedule, filters, postmasterStartTime } = scheduledRestart;
  const isSame = o.postgres.kind !== "running" ||
    o.postgres.postmasterStartTime === postmasterStartTime;
  if (!isSame) return { kind: "drop_restart", reason: "postmaster_changed" };
  const timing = switchoverTiming(schedule, o);
  switch (timing.kind) {
    case "stale":
      return { kind: "drop_restart", reason: "schedule_passed" };
    case "later":
      return null;
    case "near":
      return waitShortly(
        "restart_scheduled",
        { inMs: timing.inMs },
        timing.inMs,
      );
    case "now": {
      const facts = { role: memberRole(o), postgres: o.postgres };
      if (restartRefusal(facts, filters) !== null) {
        return { kind: "drop_restart", reason: "conditions_unmet" };
      }
      const timeoutMs = filters.timeoutMs ?? o.settings.primaryStartTimeoutMs;
      return restart(timeoutMs, "restart_due");
    }
  }
}

/** Settings of which a standby must have as much as its primary. */
const HOT_STANDBY_SETTINGS = [
  "max_connections",
  "max_prepared_transactions",
  "max_locks_per_transaction",
  "max_worker_processes",
  "max_wal_senders",
];

/** From here on a replay that has too little pauses instead of ending the server. */
const PAUSING_VERSION = 140_000;

/**
 * The primary has more than this standby, whose replay therefore waits; the new
 * values are configured here too and only wait for a restart.
 *
 * Source: docs/contract/ha.md 10.2; PostgreSQL 17 manual, "Administrator's Overview" of
 * hot standby.
 */
export function restartBlockedReplay(o: Observation): Decision | null {
  const replica = replicaOf(o);
  if (replica === null || !replica.isReplayPaused || o.settings.isPaused) {
    return null;
  }
  const isRaised = HOT_STANDBY_SETTINGS.some((name) => {
    const reason = replica.pendingRestart[name];
    return reason !== undefined &&
      Number(reason.newValue) > Number(reason.oldValue);
  });
  if (!isRaised || replica.serverVersion < PAUSING_VERSION) return null;
  return restart(o.settings.primaryStartTimeoutMs, "replay_blocked");
}
