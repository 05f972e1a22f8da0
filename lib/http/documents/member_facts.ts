/**
 * What REST says of its own member, derived once from the agent's status: the
 * role and state that are shown, the sync state, the health facts. The status
 * document, the metrics and the health checks all stand on it.
 *
 * Source: docs/contract/rest-api.md 4.1, 5.
 */
import type { HealthFacts } from "../../core/calc/lead/health.ts";
import type { MemberRole, MemberState } from "../../core/model/member.ts";
import type {
  PrimaryView,
  ReplicaView,
} from "../../core/model/postgres_view.ts";
import type { AgentStatus } from "../../ports/agent_api.ts";

/** The own member as it is shown. */
export interface MemberFacts {
  readonly status: AgentStatus;
  readonly state: MemberState;
  readonly role: MemberRole;
  /** The instance, if it answered. */
  readonly running: PrimaryView | ReplicaView | null;
  /** The running instance, if it is in recovery. */
  readonly replica: ReplicaView | null;
  readonly syncState: "sync" | "quorum" | null;
  readonly replicationState: "streaming" | "in archive recovery" | null;
  readonly isUnlocked: boolean;
}

/** Facts of one look at the agent. */
export function memberFacts(name: string, status: AgentStatus): MemberFacts {
  const running = status.postgres.kind === "running" ? status.postgres : null;
  const replica = running?.role === "replica" ? running : null;
  const role = roleOf(status, running);
  return {
    status,
    state: status.state === "running" && running === null
      ? "unknown"
      : status.state,
    role,
    running,
    replica,
    syncState: role === "replica" ? syncStateOf(name, status) : null,
    replicationState: replicationStateOf(replica),
    isUnlocked: (status.view?.leader ?? null) === null,
  };
}

/** The part of the facts that health checks depend on. */
export function healthFacts(facts: MemberFacts): HealthFacts {
  const { status, replica } = facts;
  return {
    state: facts.state,
    role: facts.role,
    hasView: status.view !== null,
    isPaused: status.settings.isPaused,
    isStandbyCluster: status.settings.isStandbyCluster,
    isLockHeld: isLockHeld(status),
    isNoloadbalance: status.tags.isNoloadbalance,
    syncState: facts.syncState,
    leaderLsn: status.view?.status.leaderLsn ?? null,
    upstreamLsn: replica?.upstreamLsn ?? null,
    receivedLsn: replica?.receivedLsn ?? null,
    replayedLsn: replica?.replayedLsn ?? null,
    isStreaming: replica?.isStreaming ?? false,
    replicationState: facts.replicationState,
    isFailsafeActive: status.isFailsafeActive,
    tags: status.tags.published,
  };
}

/** True while the lock timer runs; the DCS is not asked. */
function isLockHeld(status: AgentStatus): boolean {
  return status.leaseDeadline !== null && status.now < status.leaseDeadline;
}

/** The timeline to show; null if unknown. */
export function timelineOf(facts: MemberFacts): number | null {
  if (facts.running === null) return null;
  if (facts.replica === null) return facts.running.timeline;
  return facts.status.timeline ?? facts.replica.timeline;
}

function roleOf(
  status: AgentStatus,
  running: PrimaryView | ReplicaView | null,
): MemberRole {
  if (running === null) return status.role;
  if (running.role === "primary") return "primary";
  const isStandbyLeader = status.settings.isStandbyCluster &&
    status.role === "standby_leader";
  return isStandbyLeader ? "standby_leader" : "replica";
}

function syncStateOf(
  name: string,
  { view, settings }: AgentStatus,
): "sync" | "quorum" | null {
  const mode = settings.isStandbyCluster ? "off" : settings.synchronousMode;
  if (view === null || mode === "off") return null;
  const isListed = view.sync.leader !== null &&
    view.sync.standbys.some((standby) =>
      standby.toLowerCase() === name.toLowerCase()
    );
  if (!isListed) return null;
  return mode === "quorum" ? "quorum" : "sync";
}

function replicationStateOf(
  replica: ReplicaView | null,
): "streaming" | "in archive recovery" | null {
  if (replica === null) return null;
  if (replica.isStreaming) return "streaming";
  return replica.hasRestoreCommand ? "in archive recovery" : null;
}
