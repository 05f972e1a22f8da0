/**
 * The few constructors and questions that several sections share.
 */
import { invariant } from "../base/invariant.ts";
import { backOffMs } from "../calc/lead/budgets.ts";
import type { ClusterView, LeaderKey } from "../model/cluster_view.ts";
import type {
  AskReason,
  Decision,
  Facts,
  ReleaseReason,
  TaskReason,
  WaitReason,
} from "../model/decision.ts";
import type { Member, MemberName } from "../model/member.ts";
import type { Observation } from "../model/observation.ts";
import type { PeerAnswer } from "../model/peer_view.ts";
import type { PrimaryView, ReplicaView } from "../model/postgres_view.ts";
import type { LongTask } from "../model/task_view.ts";

/** How long a loop looks away from something that should change within a moment. */
export const SOON_MS = 500;

/** Rest until something wakes the loop, at most loop_wait. */
export function wait(reason: WaitReason, facts: Facts = {}): Decision {
  return { kind: "wait", reason, facts, againInMs: null };
}

/** Rest, but look again after `againInMs`. */
export function waitShortly(
  reason: WaitReason,
  facts: Facts = {},
  againInMs: number = SOON_MS,
): Decision {
  return { kind: "wait", reason, facts, againInMs };
}

/** Start long work. */
export function startTask(
  task: LongTask,
  reason: TaskReason,
  facts: Facts = {},
): Decision {
  return { kind: "start_task", task, reason, facts };
}

/** Fills an empty data directory, unless that failed just before. */
export function clone(
  o: Observation,
  source: MemberName | null,
  reason: "no_cluster_yet" | "data_directory_empty",
): Decision {
  const { isBootstrapOwner } = o.memory;
  const facts = reason === "no_cluster_yet" ? {} : { source };
  return pauseAfterFailure(o, "clone") ??
    startTask({ kind: "clone", source, isBootstrapOwner }, reason, facts);
}

/** The view; sections that use it are only entered while the DCS is reachable. */
export function viewOf(o: Observation): ClusterView {
  invariant(o.dcs.kind === "reachable", "section needs a reachable DCS");
  return o.dcs.view;
}

/** The leader key; sections that use it are only entered while there is one. */
export function leaderOf(o: Observation): LeaderKey {
  const leader = viewOf(o).leader;
  invariant(leader !== null, "section needs a leader");
  return leader;
}

/** The instance if it answers as primary, else null. */
export function primaryOf(o: Observation): PrimaryView | null {
  return o.postgres.kind === "running" && o.postgres.role === "primary"
    ? o.postgres
    : null;
}

/** The instance if it answers as replica, else null. */
export function replicaOf(o: Observation): ReplicaView | null {
  return o.postgres.kind === "running" && o.postgres.role === "replica"
    ? o.postgres
    : null;
}

/**
 * True if the instance is writable, or may become so without another command:
 * a primary that answers, one that is still starting, one that hangs.
 */
export function mayBeWritable(
  o: Pick<Observation, "postgres" | "memory">,
): boolean {
  switch (o.postgres.kind) {
    case "running":
      return o.postgres.role === "primary";
    case "starting":
      return !o.postgres.isStandby;
    case "unresponsive":
      // It may have become primary after it answered for the last time.
      return o.memory.role === "primary" ||
        o.postgres.control?.state === "in production";
    case "stopped":
    case "empty":
    case "unusable":
      return false;
  }
}

/** The system identifier of the local data directory; null if there is none. */
export function localSystemId(o: Observation): string | null {
  switch (o.postgres.kind) {
    case "running":
      return o.postgres.systemId;
    case "stopped":
    case "starting":
      return o.postgres.control.systemId;
    case "unresponsive":
      return o.postgres.control?.systemId ?? null;
    case "empty":
    case "unusable":
      return null;
  }
}

/** While the same kind of task failed just before: the remaining pause, else null. */
export function pauseAfterFailure(
  o: Observation,
  kind: LongTask["kind"],
): Decision | null {
  const last = o.memory.lastOutcome;
  if (last === null || last.task.kind !== kind || last.result !== "failed") {
    return null;
  }
  const passedMs = o.now - last.endedAt;
  const pauseMs = backOffMs(o.memory.failuresInRow, o.settings);
  return passedMs >= pauseMs ? null : waitShortly("back_off", {
    task: kind,
    failures: o.memory.failuresInRow,
    detail: last.detail,
  }, pauseMs - passedMs);
}

/** Starts the instance in recovery, with the usual patience and back-off. */
export function startAsStandby(
  o: Observation,
  upstream: string | null,
  reason: TaskReason,
): Decision {
  return pauseAfterFailure(o, "start") ?? startTask({
    kind: "start",
    as: "standby",
    upstream,
    timeoutMs: o.settings.primaryStartTimeoutMs,
  }, reason);
}

/**
 * In pause an instance that is down stays down. What this agent itself took down
 * is its own to bring back: the old leader of a switchover, a fresh copy.
 *
 * Source: docs/contract/ha.md 4.5 and 13.
 */
export function isLeftAlone(o: Observation): boolean {
  if (!o.settings.isPaused) return false;
  const last = o.memory.lastOutcome;
  const isCopied = last !== null && last.result === "done" &&
    (last.task.kind === "clone" || last.task.kind === "reinitialize");
  return o.memory.role !== "demoted" && !isCopied;
}

/** The pre_promote script forbade a promotion less than a ttl ago. */
export function isPromotionBarred(o: Observation): boolean {
  const failedAt = o.memory.prePromoteFailedAt;
  return failedAt !== null && !o.settings.isPaused &&
    o.now - failedAt < o.settings.ttlMs;
}

/** How long the instance has been starting, or has hung since it was started; null if it does neither. */
export function startingMs(o: Observation): number | null {
  const { startingSince } = o.memory;
  const isHanging = o.postgres.kind === "unresponsive" &&
    startingSince !== null;
  if (o.postgres.kind !== "starting" && !isHanging) return null;
  return o.now - (startingSince ?? o.now);
}

/** Why a start is not over: a server that refuses the agent (pg_hba, password) is up, and says why. */
export function startDelay(
  { postgres }: Observation,
  times: Facts,
): { readonly reason: WaitReason; readonly facts: Facts } {
  return postgres.kind === "unresponsive"
    ? { reason: "unresponsive", facts: { detail: postgres.detail, ...times } }
    : { reason: "starting_up", facts: times };
}

/** Gives the leader key away. */
export function release(reason: ReleaseReason): Decision {
  return { kind: "release_lease", reason, newRole: null };
}

/** Renews the lease; only while this member holds the key. */
export function renew(o: Observation): Decision {
  return { kind: "renew_lease", reason: "cycle", key: leaderOf(o) };
}

/** Asks `members` for their positions; null: they have answered, or there are none. */
export function askPeers(
  o: Observation,
  members: readonly Member[],
  reason: AskReason,
): Decision | null {
  return o.peers.kind === "asked" || members.length === 0
    ? null
    : { kind: "ask_peers", reason, members };
}

/** What the peers said; nothing if they were not asked. */
export function answersOf({ peers }: Observation): readonly PeerAnswer[] {
  return peers.kind === "asked" ? peers.answers : [];
}

/** Restarts the instance in its role. */
export function restart(
  timeoutMs: number,
  reason: "restart_requested" | "restart_due" | "replay_blocked",
): Decision {
  const isScheduled = reason === "restart_due";
  return startTask({ kind: "restart", timeoutMs, isScheduled }, reason);
}

/** Preparations for a rewind that fail before a member whose data may be replaced is copied anew. */
const REWIND_ATTEMPTS = 5;

/**
 * Brings the local WAL back on the line of `source`. A cause that may go away is
 * waited for: as long as it takes, unless a copy may take the data's place.
 */
export function rewind(
  o: Observation,
  source: MemberName,
  facts: Facts,
): Decision {
  const { lastOutcome: last, failuresInRow } = o.memory;
  const failures = last?.task.kind === "rewind" && last.result === "failed"
    ? failuresInRow
    : 0;
  const isLastAttempt = mayReplaceDiverged(o) &&
    failures + 1 >= REWIND_ATTEMPTS;
  return pauseAfterFailure(o, "rewind") ??
    startTask({ kind: "rewind", source, isLastAttempt }, "diverged", facts);
}

/** A copy may take the place of data that a rewind cannot repair. */
export function mayReplaceDiverged({ settings }: Observation): boolean {
  return settings.isDataRemovedOnRewindFailure ||
    settings.isDataRemovedOnDivergedTimelines;
}
