/**
 * What this member says of itself in its member key: Patroni's state and role
 * texts out of the instance, the running task and the memory.
 */
import { maxLsn } from "../../base/units.ts";
import type { MemberPublication } from "../../codec/member_codec.ts";
import type { FencingPart } from "../../model/member.ts";
import type {
  MemberDoors,
  MemberRole,
  MemberState,
  Pledging,
  Tags,
} from "../../model/member.ts";
import { leadOf, type Observation } from "../../model/observation.ts";
import { ownPosition } from "../../model/postgres_view.ts";
import { restartDocument } from "../lead/restart_conditions.ts";
import type { LongTask } from "../../model/task_view.ts";

/** What of a member does not change between cycles. */
export interface MemberIdentity {
  readonly connUrl: string;
  readonly apiUrl: string;
  readonly version: string;
  readonly proxyUrl: string | null;
  /** Null: the instance is not sealed. */
  readonly doors: MemberDoors | null;
}

/** The state text of the member. Source: docs/contract/dcs.md 3.4. */
export function memberState(
  o: Pick<Observation, "postgres" | "task" | "memory">,
): MemberState {
  if (o.task.kind === "running") {
    const state = taskState(o.task.task);
    if (state !== null) return state;
  }
  switch (o.postgres.kind) {
    case "running":
      return "running";
    case "starting":
      return "starting";
    case "unresponsive":
      return "unknown";
    case "stopped":
      if (o.memory.isRecovering) return "start failed";
      return o.memory.role === "primary" ? "crashed" : "stopped";
    case "empty":
    case "unusable":
      return "stopped";
  }
}

function taskState(task: LongTask): MemberState | null {
  switch (task.kind) {
    case "bootstrap":
      return "initializing new cluster";
    case "clone":
    case "reinitialize":
      return "creating replica";
    case "start":
    case "finish_restore":
      return "starting";
    case "restart":
    case "copy_slots":
      return "restarting";
    case "demote":
    case "rewind":
    case "remove_data":
    case "set_aside":
      return "stopping";
    case "promote":
    case "follow":
    case "fence":
      return null;
  }
}

/** The role text of the member. Source: docs/contract/dcs.md 3.4. */
export function memberRole(
  o: Pick<Observation, "postgres" | "memory">,
): MemberRole {
  if (o.postgres.kind === "running") {
    if (o.postgres.role === "primary") return "primary";
    return o.memory.role === "standby_leader" ? "standby_leader" : "replica";
  }
  if (o.postgres.kind === "empty") return "uninitialized";
  return o.memory.role;
}

/**
 * True while a leader has not finished a checkpoint on its timeline: rejoining
 * members must not rewind from it yet.
 */
export function isCheckpointPending(o: Observation): boolean {
  return leadOf(o) === "self" && o.postgres.kind === "running" &&
    o.postgres.role === "primary" &&
    o.postgres.checkpointTimeline < o.postgres.timeline;
}

/** The publication after this cycle. */
export function publicationOf(
  o: Observation,
  identity: MemberIdentity,
): MemberPublication {
  const running = o.postgres.kind === "running" ? o.postgres : null;
  const replica = running?.role === "replica" ? running : null;
  const { scheduledRestart } = o.memory;
  const hasPending = running !== null &&
    Object.keys(running.pendingRestart).length > 0;
  return {
    ...identity,
    state: memberState(o),
    role: memberRole(o),
    pledging: pledgingOf(o),
    fencing: fencingOf(o),
    isCheckpointAfterPromotePending: isCheckpointPending(o),
    tags: tagsNow(o).published,
    pendingRestart: hasPending ? running.pendingRestart : null,
    xlogLsn: running === null ? null : ownPosition(running),
    replayedLsn: replica?.replayedLsn ?? null,
    receivedLsn: replica === null
      ? null
      : maxLsn(replica.receivedLsn, replica.replayedLsn),
    replicationState: replica === null
      ? null
      : replica.isStreaming
      ? "streaming"
      : replica.hasRestoreCommand
      ? "in archive recovery"
      : null,
    timeline: running?.timeline ?? null,
    scheduledRestart: scheduledRestart === null ? null : restartDocument(
      scheduledRestart,
      scheduledRestart.postmasterStartTime ?? undefined,
    ),
    isPaused: o.settings.isPaused,
  };
}

/** Others count on a member that says it, so only while takeover is on, and once its record is whole. */
function pledgingOf({ pledge, settings }: Observation): Pledging | null {
  if (pledge === null || settings.takeover === null) return null;
  switch (pledge.record.kind) {
    case "missing":
      return null;
    case "behind":
      return "behind";
    case "none":
    case "pledged":
      return "ready";
  }
}

/** Others count on it: a leader that objects to it, and who could do it. */
function fencingOf(
  { pledge, settings, fencing }: Observation,
): FencingPart | null {
  if (pledge === null || settings.takeover === null) return null;
  return fencing === null ? "aware" : "ready";
}

/** The tags as configured, or without the synchronous duty while it is given back. */
export function tagsNow(o: Pick<Observation, "tags" | "memory">): Tags {
  return o.memory.isSyncDutyReleased
    ? {
      ...o.tags,
      isNosync: true,
      syncPriority: 0,
      published: { ...o.tags.published, nosync: true, sync_priority: 0 },
    }
    : o.tags;
}
