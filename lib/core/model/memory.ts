/**
 * What must survive between cycles, as one readonly value with one reducer.
 */
import type { Lsn, Moment } from "../base/units.ts";
import type { ClusterView } from "./cluster_view.ts";
import type { FailsafeRefusal, LastConsent } from "./failsafe.ts";
import type { Member, MemberName, MemberRole } from "./member.ts";
import { NO_TAKEOVER, type TakeoverMemory } from "./pledge_view.ts";
import type { ScheduledRestart } from "./request.ts";
import { rememberTakeover, type TakeoverEvent } from "./takeover_events.ts";
import type { TaskOutcome } from "./task_view.ts";

/** Whether the local WAL may have left the leader's line of history. */
export type DivergenceMemory =
  /** Nothing points to it. */
  | "unsuspected"
  /** Something happened after which it must be looked at before streaming is trusted. */
  | "suspected"
  /** A rewind failed against a healthy primary. */
  | "rewind_failed";

/** The members of the last view that had a leader: who must be asked in a race. */
export interface KnownPeers {
  readonly leader: MemberName;
  readonly members: readonly Member[];
}

/** The agent's memory. */
export interface AgentMemory {
  readonly role: MemberRole;
  readonly knownPeers: KnownPeers | null;
  readonly divergence: DivergenceMemory;
  /** What the last rewind that failed said; empty: none did. */
  readonly rewindFailure: string;
  readonly lastOutcome: TaskOutcome | null;
  /** Consecutive failures of the same kind of task; drives the back-off. */
  readonly failuresInRow: number;
  /** This agent won the initialize race and has not finished the bootstrap. */
  readonly isBootstrapOwner: boolean;
  /** Set by a start or restart until the instance answered: a failed start gives the lease away. */
  readonly isRecovering: boolean;
  /** When the current start of the instance began; null while it runs or is down. */
  readonly startingSince: Moment | null;
  readonly startTimeoutMs: number | null;
  /** This member gave the lease away by a switchover at that moment. */
  readonly demotedAt: Moment | null;
  /** A write of the sync key was sent whose outcome is not known: it may still take effect. */
  readonly isSyncWriteUncertain: boolean;
  /** The watchdog is required and cannot be used: this member must not lead. */
  readonly hasWatchdogFailed: boolean;
  /** Highest timeline of a leader that was seen; 0: none. */
  readonly leaderTimeline: number;
  /** Timeline that a leader published last, 0: none; another one makes divergence suspect. */
  readonly lastLeaderTimeline: number;
  /** The failsafe map of the last view, and what was written since; null: there was none. */
  readonly failsafe: Readonly<Record<string, string>> | null;
  readonly scheduledRestart: ScheduledRestart | null;
  /** This replica asked its leader not to wait for it: it is about to stop. */
  readonly isSyncDutyReleased: boolean;
  /** The pre_promote script forbade a promotion at that moment. */
  readonly prePromoteFailedAt: Moment | null;
  /** What may have been promised to a leader before this agent began; null: not known, as in most tests. */
  readonly lastConsent: LastConsent | null;
  /** Without store: who lives by consents is refused; null: all agreed when they were asked last. */
  readonly failsafeRefusal: FailsafeRefusal | null;
  /** Position of this replica in the last cycle. */
  readonly seenLsn: Lsn | null;
  /** Without a leader, WAL still came in at that moment; null: it did not. */
  readonly walMovedAt: Moment | null;
  readonly takeover: TakeoverMemory;
}

/** Memory of an agent that just started. */
export const FIRST_MEMORY: AgentMemory = {
  role: "uninitialized",
  knownPeers: null,
  divergence: "suspected",
  rewindFailure: "",
  lastOutcome: null,
  failuresInRow: 0,
  isBootstrapOwner: false,
  isRecovering: false,
  startingSince: null,
  startTimeoutMs: null,
  demotedAt: null,
  // The agent before this one may have left a write on its way.
  isSyncWriteUncertain: true,
  hasWatchdogFailed: false,
  leaderTimeline: 0,
  lastLeaderTimeline: 0,
  failsafe: null,
  scheduledRestart: null,
  isSyncDutyReleased: false,
  prePromoteFailedAt: null,
  lastConsent: null,
  failsafeRefusal: null,
  seenLsn: null,
  walMovedAt: null,
  takeover: NO_TAKEOVER,
};

/** What happened that must be remembered. */
export type MemoryEvent =
  | TakeoverEvent
  | { readonly kind: "viewed"; readonly view: ClusterView }
  | { readonly kind: "task_ended"; readonly outcome: TaskOutcome }
  | {
    readonly kind: "starting";
    readonly at: Moment;
    readonly timeoutMs: number;
  }
  | { readonly kind: "answered"; readonly role: MemberRole }
  | { readonly kind: "stopped" }
  | {
    readonly kind: "restart_scheduled";
    readonly restart: ScheduledRestart | null;
  }
  | { readonly kind: "began"; readonly lastConsent: LastConsent }
  /** Null: all of the failsafe map agreed, or there is nothing to agree to. */
  | {
    readonly kind: "failsafe_answered";
    readonly refusal: FailsafeRefusal | null;
  }
  /** A replica was looked at, in a cycle that saw the store. */
  | {
    readonly kind: "wal_seen";
    readonly at: Moment;
    readonly lsn: Lsn | null;
    readonly isStreaming: boolean;
    readonly hasLeader: boolean;
  }
  | { readonly kind: "sync_duty"; readonly isReleased: boolean }
  | { readonly kind: "pre_promote_failed"; readonly at: Moment }
  /** The failsafe map is being written: whoever stands in either must be asked. */
  | {
    readonly kind: "failsafe_published";
    readonly map: Readonly<Record<string, string>>;
  }
  /** A leader's instance did not come up again. */
  | { readonly kind: "recovery_failed" }
  | { readonly kind: "initialize"; readonly isOwner: boolean }
  | { readonly kind: "divergence"; readonly value: DivergenceMemory }
  | { readonly kind: "watchdog"; readonly hasFailed: boolean }
  | { readonly kind: "sync_written"; readonly outcome: "unknown" | "known" };

/** The memory after `event`. */
export function remember(
  memory: AgentMemory,
  event: MemoryEvent,
): AgentMemory {
  switch (event.kind) {
    case "viewed":
      return {
        ...rememberView(memory, event.view),
        failsafe: event.view.failsafe,
      };
    case "task_ended":
      return rememberOutcome(memory, event.outcome);
    case "starting":
      return {
        ...memory,
        isRecovering: true,
        startingSince: event.at,
        startTimeoutMs: event.timeoutMs,
      };
    case "answered":
      return {
        ...memory,
        role: event.role,
        isRecovering: false,
        startingSince: null,
        startTimeoutMs: null,
      };
    case "restart_scheduled":
      return { ...memory, scheduledRestart: event.restart };
    case "failsafe_published":
      return { ...memory, failsafe: { ...memory.failsafe, ...event.map } };
    case "recovery_failed":
      return { ...memory, role: "demoted" };
    case "pre_promote_failed":
      return { ...memory, prePromoteFailedAt: event.at };
    case "began":
      return { ...memory, lastConsent: event.lastConsent };
    case "failsafe_answered":
      return {
        ...memory,
        failsafeRefusal: longer(memory.failsafeRefusal, event.refusal),
      };
    case "pledges_seen":
    case "vetoed":
    case "fencing_claimed":
    case "taken":
      return { ...memory, takeover: rememberTakeover(memory.takeover, event) };
    case "wal_seen":
      return rememberWal(memory, event);
    case "sync_duty":
      return { ...memory, isSyncDutyReleased: event.isReleased };
    case "stopped":
      return { ...memory, startingSince: null, startTimeoutMs: null };
    case "initialize":
      return { ...memory, isBootstrapOwner: event.isOwner };
    case "divergence":
      return { ...memory, divergence: event.value };
    case "watchdog":
      return { ...memory, hasWatchdogFailed: event.hasFailed };
    case "sync_written":
      return { ...memory, isSyncWriteUncertain: event.outcome === "unknown" };
  }
}

function longer(
  before: FailsafeRefusal | null,
  now: FailsafeRefusal | null,
): FailsafeRefusal | null {
  return before === null || now === null
    ? now
    : { ...now, since: before.since };
}

function rememberView(memory: AgentMemory, view: ClusterView): AgentMemory {
  if (view.leader === null) return memory;
  const name = view.leader.name;
  const timeline = view.members.find((m) => m.name === name)?.timeline ?? 0;
  const last = memory.lastLeaderTimeline;
  // Also down: a primary that became the standby leader of a standby cluster
  // is taken back to the remote's timeline.
  const isOtherTimeline = timeline > 0 && last > 0 && timeline !== last;
  // Without check_timeline the next leader may be on a lower timeline than ours.
  const isOther = memory.knownPeers !== null &&
    memory.knownPeers.leader !== name;
  return {
    ...memory,
    knownPeers: { leader: name, members: view.members },
    leaderTimeline: Math.max(timeline, memory.leaderTimeline),
    lastLeaderTimeline: timeline > 0 ? timeline : last,
    divergence:
      (isOtherTimeline || isOther) && memory.divergence === "unsuspected"
        ? "suspected"
        : memory.divergence,
  };
}

/** Only the first move after the leader was gone counts: the race waits once. */
function rememberWal(
  memory: AgentMemory,
  event: Extract<MemoryEvent, { kind: "wal_seen" }>,
): AgentMemory {
  const { seenLsn } = memory;
  const hasMoved = event.isStreaming && seenLsn !== null &&
    event.lsn !== null && event.lsn > seenLsn;
  const movedAt = memory.walMovedAt ?? (hasMoved ? event.at : null);
  return {
    ...memory,
    seenLsn: event.lsn,
    walMovedAt: event.hasLeader ? null : movedAt,
  };
}

function rememberOutcome(
  memory: AgentMemory,
  outcome: TaskOutcome,
): AgentMemory {
  const isRepeated = memory.lastOutcome?.task.kind === outcome.task.kind;
  const failuresInRow = outcome.result === "failed"
    ? (isRepeated ? memory.failuresInRow : 0) + 1
    : 0;
  const next = { ...memory, lastOutcome: outcome, failuresInRow };
  if (outcome.task.kind === "demote") {
    return {
      ...next,
      role: "demoted",
      divergence: "suspected",
      demotedAt: outcome.task.how === "graceful" ? outcome.endedAt : null,
    };
  }
  if (outcome.task.kind === "rewind" && outcome.result === "failed") {
    return { ...next, rewindFailure: outcome.detail };
  }
  const isNewUpstream = outcome.task.kind === "follow" ||
    outcome.task.kind === "restart";
  if (isNewUpstream && next.divergence === "unsuspected") {
    // WAL of the old upstream came in until now, also if the work failed.
    return { ...next, divergence: "suspected" };
  }
  if (outcome.result !== "done") return next;
  if (outcome.task.kind === "rewind") {
    return { ...next, divergence: afterCopy(memory, outcome.task.source) };
  }
  if (outcome.task.kind === "clone" || outcome.task.kind === "reinitialize") {
    const divergence = afterCopy(memory, outcome.task.source);
    return { ...next, divergence, role: "replica" };
  }
  return next;
}

/** A copy of the leader is on its line; one of a member that led when the copy began may not be. */
function afterCopy(
  memory: AgentMemory,
  source: MemberName | null,
): DivergenceMemory {
  return memory.knownPeers?.leader === source ? "unsuspected" : "suspected";
}
