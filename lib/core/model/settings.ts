/**
 * The scope's dynamic settings that decisions depend on: the `config` key after
 * defaults, lenient parsing and the timing rule. PostgreSQL's own parameters are
 * not in here; the agent hands them to the PostgreSQL adapter.
 */

import { NO_SLOT_SETTINGS, type SlotSettings } from "./slot_settings.ts";
import type { StandbyCluster } from "./standby_cluster.ts";

/** How soon a voter suspects a leader, and how long one that lives has to object. */
export interface TakeoverTiming {
  readonly suspectAfterMs: number;
  readonly vetoTimeMs: number;
}

/** Where `takeover` is just on. */
export const DEFAULT_TAKEOVER: TakeoverTiming = {
  suspectAfterMs: 1_500,
  vetoTimeMs: 700,
};

/** How commits wait for replicas. */
export type SynchronousMode = "off" | "on" | "quorum";

/** Source: docs/contract/dcs.md 3.2. All durations in milliseconds, all sizes in bytes. */
export interface ClusterSettings {
  readonly ttlMs: number;
  readonly loopWaitMs: number;
  readonly retryTimeoutMs: number;
  readonly maximumLagOnFailoverBytes: number;
  /** How long a race waits while WAL still comes in; 0: not at all. */
  readonly primaryRaceBackoffMs: number;
  /** 0 or less: no limit. */
  readonly maximumLagOnSyncnodeBytes: number;
  readonly isTimelineChecked: boolean;
  /** 0: keep all. */
  readonly timelinesHistoryMax: number;
  /** 0: fail over at once after a crash. */
  readonly primaryStartTimeoutMs: number;
  /** 0: no escalation. Only used in synchronous mode. */
  readonly primaryStopTimeoutMs: number;
  readonly synchronousMode: SynchronousMode;
  readonly isSynchronousModeStrict: boolean;
  readonly synchronousNodeCount: number;
  /** Which position of a standby its acknowledgement means; by synchronous_commit. */
  readonly commitPosition: "flushed" | "written" | "replayed";
  /** Null: a lost leader is replaced when its lease ends, and not before. */
  readonly takeover: TakeoverTiming | null;
  readonly isFailsafeMode: boolean;
  readonly isPaused: boolean;
  /** 0 or less: slots of vanished members are dropped at once. */
  readonly memberSlotsTtlMs: number;
  readonly isStandbyCluster: boolean;
  /** Null: this is no standby cluster. */
  readonly standbyCluster: StandbyCluster | null;
  readonly hasSlots: boolean;
  /** Permanent slots and those to leave alone. */
  readonly slots: SlotSettings;
  /** A clone method is configured that needs no running member. */
  readonly hasLeaderlessClone: boolean;
  readonly isRewindAllowed: boolean;
  readonly isDataRemovedOnRewindFailure: boolean;
  readonly isDataRemovedOnDivergedTimelines: boolean;
}

/** Source: docs/contract/ha.md 1. */
export const DEFAULT_SETTINGS: ClusterSettings = {
  ttlMs: 30_000,
  loopWaitMs: 10_000,
  retryTimeoutMs: 10_000,
  maximumLagOnFailoverBytes: 1_048_576,
  primaryRaceBackoffMs: 0,
  maximumLagOnSyncnodeBytes: -1,
  isTimelineChecked: false,
  timelinesHistoryMax: 0,
  primaryStartTimeoutMs: 300_000,
  primaryStopTimeoutMs: 0,
  synchronousMode: "off",
  isSynchronousModeStrict: false,
  synchronousNodeCount: 1,
  commitPosition: "flushed",
  takeover: null,
  isFailsafeMode: false,
  isPaused: false,
  memberSlotsTtlMs: 1_800_000,
  isStandbyCluster: false,
  standbyCluster: null,
  hasSlots: true,
  slots: NO_SLOT_SETTINGS,
  hasLeaderlessClone: false,
  isRewindAllowed: false,
  isDataRemovedOnRewindFailure: false,
  isDataRemovedOnDivergedTimelines: false,
};
