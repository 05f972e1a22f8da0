/**
 * The local instance as one look at it showed it: its data directory, its
 * control file, and, when it answers, what it says of itself.
 */
import type { Lsn } from "../base/units.ts";
import type { PendingRestartReason } from "./member.ts";
import type { RestoreView } from "./restore.ts";

/** The state text of pg_control, in PostgreSQL's own words. */
export type ControlState =
  | "starting up"
  | "shut down"
  | "shut down in recovery"
  | "shutting down"
  | "in crash recovery"
  | "in archive recovery"
  | "in production"
  | "unrecognized";

/** What pg_controldata says. */
export interface ControlData {
  readonly systemId: string;
  readonly state: ControlState;
  /** Timeline of the latest checkpoint. */
  readonly timeline: number;
  readonly checkpointLsn: Lsn;
  /** End of minimum recovery; null where the file says 0/0. */
  readonly minRecoveryEndLsn: Lsn | null;
  readonly minRecoveryEndTimeline: number | null;
  readonly hasChecksums: boolean;
  readonly hasWalLogHints: boolean;
  /** Raw settings by pg_controldata label, for the hot-standby minimums. */
  readonly settings: Readonly<Record<string, number>>;
}

/** One row of pg_stat_replication. */
export interface WalSender {
  readonly applicationName: string;
  readonly username: string;
  readonly clientAddress: string | null;
  readonly state: string;
  readonly syncState: "async" | "potential" | "sync" | "quorum";
  readonly syncPriority: number;
  readonly writtenLsn: Lsn | null;
  readonly flushedLsn: Lsn | null;
  readonly replayedLsn: Lsn | null;
}

/** One row of pg_replication_slots. */
export interface SlotView {
  readonly name: string;
  readonly type: "physical" | "logical";
  readonly isActive: boolean;
  readonly restartLsn: Lsn | null;
  readonly confirmedFlushLsn: Lsn | null;
  readonly xmin: string | null;
  readonly catalogXmin: string | null;
  readonly database: string | null;
  readonly plugin: string | null;
  readonly walStatus: string | null;
  /** A failover slot on a standby that it made itself, as a primary. */
  readonly isNeverSynced: boolean;
}

/** Where a standby is configured to stream from. */
export interface UpstreamAddress {
  readonly host: string;
  readonly port: number;
}

/** Facts that both roles share while the instance answers. */
interface RunningFacts {
  readonly kind: "running";
  readonly systemId: string;
  readonly timeline: number;
  /** As server_version_num, e.g. 150018. */
  readonly serverVersion: number;
  readonly postmasterPid: number;
  /** In PostgreSQL's text with offset, see docs/contract/rest-api.md 2.1. */
  readonly postmasterStartTime: string;
  readonly walSenders: readonly WalSender[];
  readonly slots: readonly SlotView[];
  /** The raw value of synchronous_standby_names. */
  readonly synchronousStandbyNames: string;
  /** That value was set by an agent (survives agent restarts), not by the user's configuration. */
  readonly areStandbysManaged: boolean;
  /**
   * A position read when the value was known to be in force: every commit after
   * it waits for these standbys. Null: not known (yet), or nobody is listed.
   */
  readonly namesInForceLsn: Lsn | null;
  readonly pendingRestart: Readonly<Record<string, PendingRestartReason>>;
}

/** An instance that is not in recovery. */
export interface PrimaryView extends RunningFacts {
  readonly role: "primary";
  /** pg_current_wal_flush_lsn(). */
  readonly flushedLsn: Lsn;
  /** Timeline of the last checkpoint in pg_control. */
  readonly checkpointTimeline: number;
}

/** An instance in recovery. */
export interface ReplicaView extends RunningFacts {
  readonly role: "replica";
  readonly receivedLsn: Lsn | null;
  readonly replayedLsn: Lsn | null;
  readonly replayedTimestamp: string | null;
  readonly isReplayPaused: boolean;
  /** A WAL receiver is in state "streaming". */
  readonly isStreaming: boolean;
  /** latest_end_lsn of the WAL receiver: the upstream's position as last told. */
  readonly upstreamLsn: Lsn | null;
  /** From the live primary_conninfo; null if there is none. */
  readonly upstream: UpstreamAddress | null;
  readonly hasRestoreCommand: boolean;
  /** Set while it is on the way to a recovery target, or pauses there. */
  readonly restore?: RestoreView;
}

/** What it takes until a running standby has everything that it should have. */
export type StandbyChange = "nothing" | "reload" | "restart";

/** Everything the agent may know of its instance at one moment. */
export type PostgresView =
  /** No data directory, or an empty one. */
  | { readonly kind: "empty" }
  /** A data directory that cannot be used as it is. */
  | {
    readonly kind: "unusable";
    readonly problem:
      | "not_accessible"
      | "invalid_system_id"
      /** By initdb or a copy: nothing is lost with it. */
      | "half_made"
      /** Something did not end, but perhaps in another directory: may be somebody's. */
      | "doubtful"
      /** By pg_rewind: it may be the last trace of what this member had. */
      | "half_rewound";
    readonly detail: string;
  }
  /** No postmaster. `isStandby`: a standby or recovery signal file is there. */
  | {
    readonly kind: "stopped";
    readonly control: ControlData;
    readonly isStandby: boolean;
    /** Set if a recovery with a target waits in it. */
    readonly restore?: RestoreView;
  }
  /** A postmaster that rejects connections (starting up, or shutting down). */
  | {
    readonly kind: "starting";
    readonly control: ControlData;
    readonly isStandby: boolean;
    readonly postmasterPid: number;
  }
  /** A postmaster that should answer but does not within the time limit. */
  | {
    readonly kind: "unresponsive";
    readonly control: ControlData | null;
    readonly postmasterPid: number;
    readonly detail: string;
  }
  | PrimaryView
  | ReplicaView;

/** The position that counts in a race: primary's flushed, replica's higher of received and replayed. */
export function ownPosition(view: PrimaryView | ReplicaView): Lsn | null {
  if (view.role === "primary") return view.flushedLsn;
  const { receivedLsn, replayedLsn } = view;
  if (receivedLsn === null) return replayedLsn;
  if (replayedLsn === null) return receivedLsn;
  return receivedLsn > replayedLsn ? receivedLsn : replayedLsn;
}
