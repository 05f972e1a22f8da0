/**
 * Long work: what the task runner may be told to do, one at a time, outside of
 * the cycle, and how it ended. Progress is part of the next observation.
 */
import type { Moment, Revision } from "../base/units.ts";
import type { MemberName } from "./member.ts";
import type { LogicalSlot } from "./slot_settings.ts";

/**
 * How a primary stops being one.
 *
 * - graceful: checkpoint, fast stop, the lease is released as soon as a candidate has the shutdown checkpoint
 * - immediate: immediate stop, then the lease is released
 * - immediate_nolock: immediate stop; the lease is already lost
 * - cluster: checkpoint, fast stop, the lease is kept; the scope becomes a standby cluster
 * - offline: fast stop, escalated so that it ends before the lease; no DCS access
 *
 * Source: docs/contract/ha.md 7.
 */
export type DemoteMode =
  | "graceful"
  | "immediate"
  | "immediate_nolock"
  | "offline"
  | "cluster";

/** Work that takes longer than a cycle may. */
export type LongTask =
  | { readonly kind: "bootstrap" }
  /** Recovers what somebody restored up to its target. */
  | { readonly kind: "finish_restore" }
  | {
    readonly kind: "clone";
    /** Null: a method that needs no running member. */
    readonly source: MemberName | null;
    /** This agent won the initialize race: a copy that fails leaves it to others. */
    readonly isBootstrapOwner: boolean;
  }
  | {
    readonly kind: "start";
    readonly as: "primary" | "standby";
    /** Null: in recovery without upstream. Only with `as: "standby"`. */
    readonly upstream: MemberName | null;
    /** 0: as long as the local `pg_ctl_timeout` says. */
    readonly timeoutMs: number;
  }
  /** `timeoutMs` as for a start; a scheduled restart is forgotten as it begins. */
  | {
    readonly kind: "restart";
    readonly timeoutMs: number;
    readonly isScheduled: boolean;
  }
  | { readonly kind: "follow"; readonly upstream: MemberName | null }
  | { readonly kind: "promote" }
  | {
    readonly kind: "demote";
    readonly how: "graceful";
    readonly deadline: null;
    /** Whom clients and replicas hold up is stopped at once after that time; null: never. */
    readonly escalateAfterMs: number | null;
  }
  | {
    readonly kind: "demote";
    readonly how: Exclude<DemoteMode, "graceful">;
    /** The instance must be down by then; null: no limit. */
    readonly deadline: Moment | null;
  }
  /** The last attempt: also a cause that may go away makes its failure final. */
  | {
    readonly kind: "rewind";
    readonly source: MemberName;
    readonly isLastAttempt: boolean;
  }
  /** Takes logical slots over from the leader; the instance is down meanwhile. */
  | {
    readonly kind: "copy_slots";
    readonly source: MemberName;
    readonly upstream: MemberName;
    readonly slots: readonly LogicalSlot[];
  }
  /** Throws the data directory away so that a clone can follow. */
  | { readonly kind: "remove_data"; readonly why: RemoveDataReason }
  /** Moves a data directory that may be somebody's out of the way of a clone. */
  | { readonly kind: "set_aside"; readonly why: SetAsideReason }
  /** Has a program end the host of a leader that seems to be lost. */
  | {
    readonly kind: "fence";
    readonly host: MemberName;
    /** Of its PostgreSQL, as its member key says; null: it does not. */
    readonly address: string | null;
    /** Of its leader key. */
    readonly term: Revision;
    /** From 1 on. */
    readonly attempt: number;
    /** The revision of the claim that it is done under. */
    readonly claim: Revision;
    readonly timeoutMs: number;
  }
  | {
    readonly kind: "reinitialize";
    readonly source: MemberName;
    readonly isForcedFromLeader: boolean;
  };

/** Why a data directory may be thrown away; logged and kept in the history of the member. */
export type RemoveDataReason =
  | "rewind_failed"
  | "diverged_timelines"
  | "twin_timeline"
  | "half_made_clone"
  | "operator_request";

/** Why a data directory is moved out of the way and kept. */
export type SetAsideReason = "doubtful_marker";

/** How a task ended. */
export interface TaskOutcome {
  readonly task: LongTask;
  readonly result: "done" | "failed" | "cancelled";
  /** One sentence for the log; empty if done. */
  readonly detail: string;
  readonly endedAt: Moment;
}

/** What the task runner is busy with. */
export type TaskView =
  | { readonly kind: "idle" }
  | {
    readonly kind: "running";
    readonly task: LongTask;
    readonly startedAt: Moment;
  };
