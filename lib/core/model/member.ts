/**
 * A member as it is registered in the DCS: what every agent of the scope may
 * know of its peers without asking them.
 */
import type { Lsn } from "../base/units.ts";

/** The unique name of a member inside its scope. */
export type MemberName = string;

/** Patroni's role texts, an observable interface (docs/contract/dcs.md 3.4). */
export type MemberRole =
  | "primary"
  | "standby_leader"
  | "replica"
  | "demoted"
  | "promoted"
  | "uninitialized";

/** What an instance is: the roles that settings of PostgreSQL may depend on. */
export type InstanceRole = Extract<
  MemberRole,
  "primary" | "replica" | "standby_leader"
>;

/** Patroni's state texts, an observable interface (docs/contract/dcs.md 3.4). */
export type MemberState =
  | "initializing new cluster"
  | "initdb failed"
  | "running custom bootstrap script"
  | "custom bootstrap failed"
  | "creating replica"
  | "running"
  | "starting"
  | "starting after custom bootstrap"
  | "start failed"
  | "restarting"
  | "restart failed"
  | "stopping"
  | "stopped"
  | "stop failed"
  | "crashed"
  | "unknown";

/**
 * Ports of the proxy beside a sealed member: its instance takes clients only
 * through them, so other proxies connect there and not to the instance.
 */
export interface MemberDoors {
  readonly primary: number;
  readonly replica: number;
}

/** Whether a member can pledge. */
export type Pledging =
  | "ready"
  /** Its data was filled anew, and it has not caught up with a leader since. */
  | "behind";

/** What a member says of fencing in its key. */
export type FencingPart =
  /** It has a program. */
  | "ready"
  /** It objects to being fenced while it lives, and takes over what is fenced. */
  | "aware";

/** Per-member policy as configured; values keep their configured JSON type. */
export interface Tags {
  readonly isNofailover: boolean;
  readonly failoverPriority: number;
  readonly isNosync: boolean;
  readonly syncPriority: number;
  readonly isNoloadbalance: boolean;
  readonly isClonefrom: boolean;
  readonly isNostream: boolean;
  readonly replicatefrom: MemberName | null;
  /** The map as published in the member key (custom tags included). */
  readonly published: Readonly<Record<string, unknown>>;
}

/** One parameter whose new value waits for a restart; texts in human units. */
export interface PendingRestartReason {
  readonly oldValue: string;
  readonly newValue: string;
}

/** The value of `members/<name>`, decoded. Missing data is null, never guessed. */
export interface Member {
  readonly name: MemberName;
  /** `postgres://host:port/db`, no credentials. */
  readonly connUrl: string | null;
  /** `http[s]://host:port/patroni`. */
  readonly apiUrl: string | null;
  /** Where a pooler in front of the instance takes clients; null: there is none. */
  readonly proxyUrl: string | null;
  /** Null: clients may connect to the instance. */
  readonly doors: MemberDoors | null;
  /** What it says of its pledges; null: nothing, it is not ours or takeover is off. */
  readonly pledging: Pledging | null;
  /** What it says of fencing; null: nothing, for the same reasons. */
  readonly fencing: FencingPart | null;
  readonly state: MemberState;
  readonly role: MemberRole | null;
  readonly version: string | null;
  readonly timeline: number | null;
  /** Primary: flushed position; standby: the higher of received and replayed. */
  readonly xlogLsn: Lsn | null;
  readonly receivedLsn: Lsn | null;
  readonly replayedLsn: Lsn | null;
  readonly replicationState: string | null;
  readonly tags: Tags;
  readonly isCheckpointAfterPromotePending: boolean;
  readonly pendingRestart:
    | Readonly<Record<string, PendingRestartReason>>
    | null;
  readonly scheduledRestart: Readonly<Record<string, unknown>> | null;
  readonly isPaused: boolean;
}

/** Tags of a member that configured none. */
export const NO_TAGS: Tags = {
  isNofailover: false,
  failoverPriority: 1,
  isNosync: false,
  syncPriority: 1,
  isNoloadbalance: false,
  isClonefrom: false,
  isNostream: false,
  replicatefrom: null,
  published: {},
};
