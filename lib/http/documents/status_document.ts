/**
 * The status document of `/patroni` and of every health check. Field names,
 * their order and when they are left out are an observable interface: peers
 * race by it, tools read it.
 *
 * Source: docs/contract/rest-api.md 5.
 */
import type {
  PostgresView,
  WalSender,
} from "../../core/model/postgres_view.ts";
import { restartDocument } from "../../core/calc/lead/restart_conditions.ts";
import type { AgentIdentity } from "../../ports/agent_api.ts";
import type { EndedReceiver } from "../../ports/postgres.ts";
import { type MemberFacts, timelineOf } from "./member_facts.ts";
import { pythonTime } from "../../patroni/python_time.ts";

/** A document, ready to be written; `undefined` fields are left out. */
export type StatusDocument = Readonly<Record<string, unknown>>;

/** The status document of the own member. */
export function statusDocument(
  identity: AgentIdentity,
  facts: MemberFacts,
): StatusDocument {
  const { status } = facts;
  const systemId = systemIdOf(status.postgres);
  const tags = status.tags.published;
  return {
    state: facts.state,
    role: facts.role,
    ...instanceFields(facts),
    pause: flag(status.settings.isPaused),
    cluster_unlocked: flag(facts.isUnlocked),
    failsafe_mode_is_active: flag(status.isFailsafeActive),
    dcs_last_seen: Math.floor(status.dcsLastSeen),
    tags: Object.keys(tags).length > 0 ? tags : undefined,
    database_system_identifier: systemId ?? undefined,
    ...pendingRestartFields(facts),
    scheduled_restart: status.scheduledRestart === null
      ? undefined
      : restartDocument(status.scheduledRestart),
    patroni: {
      version: identity.version,
      scope: identity.scope,
      name: identity.name,
    },
    watchdog_failed: flag(status.hasWatchdogFailed),
    ended_receivers: status.endedReceivers.length > 0
      ? status.endedReceivers.map(receiverText)
      : undefined,
  };
}

function receiverText({ type, slot, applicationName }: EndedReceiver): string {
  return slot === null ? applicationName : `${type} slot ${slot}`;
}

function instanceFields(facts: MemberFacts): StatusDocument {
  const { running } = facts;
  if (running === null) return {};
  return {
    postmaster_start_time: pythonTime(running.postmasterStartTime),
    server_version: running.serverVersion,
    xlog: walFields(facts),
    timeline: timelineOf(facts),
    sync_standby: flag(facts.syncState === "sync"),
    quorum_standby: flag(facts.syncState === "quorum"),
    replication_state: facts.replicationState ?? undefined,
    replication: running.walSenders.length > 0
      ? running.walSenders.map(senderFields)
      : undefined,
  };
}

function walFields({ running, replica }: MemberFacts): StatusDocument {
  if (running?.role === "primary") return { location: running.flushedLsn };
  const replayedAt = replica?.replayedTimestamp ?? null;
  return {
    received_location: replica?.receivedLsn ?? replica?.replayedLsn ?? 0,
    replayed_location: replica?.replayedLsn ?? 0,
    replayed_timestamp: replayedAt === null ? null : pythonTime(replayedAt),
    paused: replica?.isReplayPaused ?? false,
  };
}

function senderFields(sender: WalSender): StatusDocument {
  return {
    usename: sender.username,
    application_name: sender.applicationName,
    client_addr: sender.clientAddress,
    state: sender.state,
    sync_state: sender.syncState,
    sync_priority: sender.syncPriority,
  };
}

function pendingRestartFields({ running }: MemberFacts): StatusDocument {
  const reasons = Object.entries(running?.pendingRestart ?? {})
    .map(([name, { oldValue, newValue }]) =>
      [name, { old_value: oldValue, new_value: newValue }] as const
    );
  if (reasons.length === 0) return {};
  return {
    pending_restart: true,
    pending_restart_reason: Object.fromEntries(reasons),
  };
}

/** Known while the instance runs, and from its control file while it does not. */
function systemIdOf(postgres: PostgresView): string | null {
  switch (postgres.kind) {
    case "running":
      return postgres.systemId;
    case "stopped":
    case "starting":
      return postgres.control.systemId;
    case "unresponsive":
      return postgres.control?.systemId ?? null;
    case "empty":
    case "unusable":
      return null;
  }
}

function flag(isSet: boolean): true | undefined {
  return isSet ? true : undefined;
}
