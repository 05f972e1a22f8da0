/**
 * The `/cluster` document: a view of the scope as tools and people read it.
 *
 * This file decides each member's published role, which state text is shown and
 * how lags are counted. REST answers with it as it is, the command line draws
 * its tables from it. Field names and their order are an observable interface.
 */
import { parseBool } from "../../base/scalars.ts";
import { formatLsn, type Lsn } from "../../base/units.ts";
import { parseConnUrl } from "../../codec/conn_url.ts";
import type { ClusterView } from "../../model/cluster_view.ts";
import type { Member } from "../../model/member.ts";
import { type ConfigMap, isConfigMap, ownValue } from "./config_merge.ts";

/** The role of a member as the keys of the DCS say, not as it says itself. */
export type ClusterRole =
  | "leader"
  | "standby_leader"
  | "sync_standby"
  | "quorum_standby"
  | "replica";

/** A parameter that waits for a restart, as published. */
export interface PendingRestartDocument {
  readonly old_value: string;
  readonly new_value: string;
}

/** One element of `members`. Optional fields are left out, never null. */
export interface MemberDocument {
  readonly name: string;
  readonly role: ClusterRole;
  /** Empty if unknown. */
  readonly state: string;
  readonly api_url: string | null;
  readonly host?: string;
  readonly port?: number;
  readonly timeline?: number;
  readonly pending_restart?: true;
  readonly pending_restart_reason?: Readonly<
    Record<string, PendingRestartDocument>
  >;
  readonly scheduled_restart?: Readonly<Record<string, unknown>>;
  readonly tags?: Readonly<Record<string, unknown>>;
  /** `X/Y` or `unknown`; with the five below not for a leader. */
  readonly receive_lsn?: string;
  /** Bytes behind the leader's published position, or `unknown`. */
  readonly receive_lag?: number | "unknown";
  readonly replay_lsn?: string;
  readonly replay_lag?: number | "unknown";
  readonly lsn?: string;
  readonly lag?: number | "unknown";
}

/** When and between whom a scheduled switchover takes place. */
export interface ScheduledSwitchoverDocument {
  /** ISO 8601 with zone. */
  readonly at: string;
  readonly from?: string;
  readonly to?: string;
}

/** The document without the scope's name, which the caller adds. */
export interface ClusterDocument {
  /** Sorted by name. */
  readonly members: readonly MemberDocument[];
  readonly pause?: true;
  readonly scheduled_switchover?: ScheduledSwitchoverDocument;
}

/** How the scope replicates, as far as roles depend on it. */
interface Modes {
  readonly isPaused: boolean;
  readonly isStandbyCluster: boolean;
  readonly syncRole: "sync_standby" | "quorum_standby" | null;
}

/**
 * The `/cluster` document of a view, without `scope`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { revision } from "../../base/units.ts";
 * const document = clusterDocument({
 *   initialize: { kind: "absent" },
 *   config: null,
 *   leader: null,
 *   status: { leaderLsn: null, slots: null, retainSlots: null },
 *   members: [],
 *   failover: null,
 *   sync: { leader: null, quorum: 0, standbys: [], revision: null },
 *   history: null,
 *   failsafe: null,
 * });
 * assert.deepEqual(document, { members: [] });
 * ```
 *
 * Source: docs/contract/rest-api.md 7.1; Patroni 4.1.4 `utils.py`, cluster_as_json.
 */
export function clusterDocument(view: ClusterView): ClusterDocument {
  const modes = modesOf(view.config?.document ?? {});
  const members = view.members.map((member) =>
    memberDocument(member, roleOf(member, view, modes), view.status.leaderLsn)
  );
  const scheduled = scheduledSwitchover(view);
  return {
    members,
    ...(modes.isPaused ? { pause: true } : {}),
    ...(scheduled === null ? {} : { scheduled_switchover: scheduled }),
  };
}

/**
 * Whether the dynamic configuration makes the scope a standby cluster.
 *
 * Source: docs/contract/dcs.md 3.2, `standby_cluster`.
 */
export function isStandbyCluster(document: ConfigMap): boolean {
  const section = ownValue(document, "standby_cluster");
  if (!isConfigMap(section)) return false;
  return ["host", "port", "restore_command"].some((key) =>
    Boolean(ownValue(section, key))
  );
}

/**
 * The `synchronous_mode` of a dynamic configuration.
 *
 * Source: docs/contract/dcs.md 3.2: `quorum` in any case, else like a boolean.
 */
export function synchronousModeOf(
  document: ConfigMap,
): "off" | "on" | "quorum" {
  const value = ownValue(document, "synchronous_mode");
  if (typeof value === "string" && value.toLowerCase() === "quorum") {
    return "quorum";
  }
  return parseBool(value) === true ? "on" : "off";
}

/** Whether the dynamic configuration says that automatic changes are off. */
export function isPausedIn(document: ConfigMap): boolean {
  return parseBool(ownValue(document, "pause")) === true;
}

function modesOf(document: ConfigMap): Modes {
  const mode = synchronousModeOf(document);
  const syncRole = mode === "quorum" ? "quorum_standby" : "sync_standby";
  return {
    isPaused: isPausedIn(document),
    isStandbyCluster: isStandbyCluster(document),
    syncRole: mode === "off" ? null : syncRole,
  };
}

function roleOf(member: Member, view: ClusterView, modes: Modes): ClusterRole {
  if (member.name === view.leader?.name) {
    return modes.isStandbyCluster ? "standby_leader" : "leader";
  }
  if (modes.syncRole === null || view.sync.leader === null) return "replica";
  const lowerName = member.name.toLowerCase();
  const isListed = view.sync.standbys.some((name) =>
    name.toLowerCase() === lowerName
  );
  return isListed ? modes.syncRole : "replica";
}

function memberDocument(
  member: Member,
  role: ClusterRole,
  leaderLsn: Lsn | null,
): MemberDocument {
  const address = member.connUrl === null ? null : parseConnUrl(member.connUrl);
  const isLeader = role === "leader" || role === "standby_leader";
  return {
    name: member.name,
    role,
    state: stateText(member, role),
    api_url: member.apiUrl,
    ...(address ?? {}),
    ...publishedFields(member),
    ...(isLeader ? {} : {
      ...position("receive_", member.receivedLsn, leaderLsn),
      ...position("replay_", member.replayedLsn, leaderLsn),
      ...position("", member.xlogLsn, leaderLsn),
    }),
  };
}

/** A leader's replication state is not shown, except a standby leader's. */
function stateText(member: Member, role: ClusterRole): string {
  const replication = role === "leader" ? null : member.replicationState;
  if (replication !== null && replication !== "") return replication;
  return member.state === "unknown" ? "" : member.state;
}

function publishedFields(member: Member): Partial<MemberDocument> {
  const reasons = Object.entries(member.pendingRestart ?? {})
    .map(([name, { oldValue, newValue }]) =>
      [name, { old_value: oldValue, new_value: newValue }] as const
    );
  return {
    ...(member.timeline === null ? {} : { timeline: member.timeline }),
    ...(member.pendingRestart === null ? {} : { pending_restart: true }),
    ...(reasons.length === 0
      ? {}
      : { pending_restart_reason: Object.fromEntries(reasons) }),
    ...(member.scheduledRestart === null
      ? {}
      : { scheduled_restart: member.scheduledRestart }),
    ...(Object.keys(member.tags.published).length === 0
      ? {}
      : { tags: member.tags.published }),
  };
}

function position(
  prefix: "receive_" | "replay_" | "",
  own: Lsn | null,
  leader: Lsn | null,
): Readonly<Record<string, string | number>> {
  if (own === null) {
    return { [`${prefix}lsn`]: "unknown", [`${prefix}lag`]: "unknown" };
  }
  const lagBytes = leader === null || leader < own ? 0n : leader - own;
  return {
    [`${prefix}lsn`]: formatLsn(own),
    [`${prefix}lag`]: Number(lagBytes),
  };
}

function scheduledSwitchover(
  view: ClusterView,
): ScheduledSwitchoverDocument | null {
  const at = view.failover?.scheduledAt ?? null;
  if (at === null || view.failover === null) return null;
  const { leader, candidate } = view.failover;
  return {
    at,
    ...(leader === null ? {} : { from: leader }),
    ...(candidate === null ? {} : { to: candidate }),
  };
}
