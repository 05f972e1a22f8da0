/**
 * The whole output of a decision. Each variant names one thing to do; the reason
 * is a code for logs, metrics, REST and `explain`, with the facts that it rests on.
 */
import type { Revision } from "../base/units.ts";
import type { LeaderKey, Vacancy } from "./cluster_view.ts";
import type { FailsafeMember } from "./failsafe.ts";
import type { Member, MemberName } from "./member.ts";
import type { TakeoverDecision } from "./takeover_decision.ts";
import type { LongTask } from "./task_view.ts";

/** Why the cycle rests; noun or participle, because it becomes a metric label. */
export type WaitReason =
  | "leading"
  | "leading_standby"
  | "following"
  | "task_in_progress"
  | "starting_up"
  | "dcs_unreachable"
  | "lease_still_covers"
  | "failsafe_covers"
  | "not_in_failsafe_map"
  | "consent_unknown"
  | "wal_still_advancing"
  | "lease_too_short"
  | "bid_lost"
  | "lease_released"
  | "paused"
  | "not_running_in_pause"
  | "primary_without_lock"
  | "pre_promote_failed"
  | "system_id_invalid"
  | "data_directory_unusable"
  | "leader_not_bootstrapped"
  | "bootstrap_elsewhere"
  | "bootstrap_not_allowed"
  | "leader_unknown_address"
  | "leader_not_running"
  | "upstream_silent"
  | "new_leader_expected"
  | "candidate_expected"
  | "not_synchronous"
  | "nofailover"
  | "watchdog_failed"
  | "timeline_behind"
  | "lag_exceeds_maximum"
  | "primary_alive"
  | "peer_ahead"
  | "peer_priority_higher"
  | "quorum_missing"
  | "position_unknown"
  | "diverged_no_repair"
  | "rewind_failed_no_repair"
  | "twin_timeline"
  | "leader_checkpoint_pending"
  | "back_off"
  | "switchover_scheduled"
  | "restart_scheduled"
  | "start_timed_out_no_candidate"
  | "restore_refused"
  | "restore_on_its_way"
  | "restore_paused"
  | "restore_shut_down"
  | "unresponsive"
  | "pledge_stands"
  | "veto_awaited";

/** Why peers are asked: for a free key, or because a leader may have to go. */
export type AskReason =
  | "no_leader"
  | "leader_suspected"
  | "leader_fenced"
  | "votes_recounted"
  | "switchover"
  | "crash_failover"
  | "start_timed_out";

/** Why the free leader key is bid for. */
export type AcquireReason =
  | "healthiest"
  | "already_primary"
  | "named_candidate"
  | "took_back";

/** Why a leader gives the key back. */
export type ReleaseReason =
  | "data_directory_empty"
  | "data_directory_unusable"
  | "start_failed"
  | "not_running_in_pause"
  | "not_primary_in_pause"
  | "pre_promote_failed"
  | "watchdog_failed"
  | "not_synchronous"
  | "system_id_mismatch"
  | "restored_backup";

/** Why a task is started. */
export type TaskReason =
  | "no_cluster_yet"
  | "data_directory_empty"
  | "crashed_primary"
  | "crash_failover"
  | "leader_starts_read_only"
  | "instance_down"
  | "lease_acquired"
  | "upstream_changed"
  | "standby_settings_changed"
  | "diverged"
  | "twin_timeline"
  | "rewind_failed"
  | "half_made_clone"
  | "doubtful_marker"
  | "logical_slots_missing"
  | "switchover_requested"
  | "start_timed_out"
  | "lease_lost"
  | "lease_released"
  | "not_leader"
  | "standby_cluster_begins"
  | "remote_changed"
  | "not_healthiest"
  | "dcs_unreachable"
  | "consent_lost"
  | "lease_running_out"
  | "watchdog_failed"
  | "restart_requested"
  | "restart_due"
  | "replay_blocked"
  | "reinitialize_requested"
  | "restored_backup"
  | "leader_suspected";

/** Why the agent ends itself. */
export type ExitReason =
  | "system_id_mismatch"
  | "replica_without_cluster"
  | "bootstrap_failed";

/** Why a failover request is removed. */
export type ClearReason =
  | "leader_mismatch"
  | "already_leader"
  | "candidate_missing_in_pause"
  | "no_candidate"
  | "schedule_passed"
  | "promotion_failed"
  | "fulfilled";

/** Why a scheduled restart is dropped. */
export type DropReason =
  | "schedule_passed"
  | "postmaster_changed"
  | "conditions_unmet";

/** Why an operator's request for a new copy is refused. */
export type RefuseReason = "no_leader" | "leads_by_now" | "leader_not_running";

/** The two numbers or names that a refusal compared. */
export type Facts = Readonly<
  Record<string, string | number | boolean | bigint | null>
>;

/**
 * What a write of the sync key rests on. Without the term, the write of a leader
 * that was replaced meanwhile could still list whom the next one does not wait for.
 */
export interface SyncGuard {
  /** Of the sync key; null: it must still be absent. */
  readonly revision: Revision | null;
  /** Revision of the leader key in this member's term; null: nobody leads. */
  readonly term: Revision | null;
}

/** What to do now. Variants marked (round) lead to another round of the same cycle. */
export type Decision =
  | TakeoverDecision
  /** (round) Ask these peers for their positions. */
  | {
    readonly kind: "ask_peers";
    readonly reason: AskReason;
    readonly members: readonly Member[];
  }
  /** (round) Ask the failsafe members whether this primary may go on without the store. */
  | {
    readonly kind: "ask_failsafe";
    readonly reason: "dcs_unreachable";
    readonly members: readonly FailsafeMember[];
  }
  /** (round) Ask the instance of `source` for its timeline history, read the local WAL end. */
  | {
    readonly kind: "ask_upstream";
    readonly reason: "divergence_suspected";
    readonly source: MemberName;
  }
  /** (round) Note that the local WAL is on the leader's line. */
  | { readonly kind: "trust_timeline"; readonly reason: "not_diverged" }
  /** (round) Renew the lease and make sure that the leader key hangs on it. */
  | {
    readonly kind: "renew_lease";
    readonly reason: "cycle";
    readonly key: LeaderKey;
  }
  /** (round) Bid for the free leader key; a bid that won counts only in this vacancy. */
  | {
    readonly kind: "acquire_lease";
    readonly reason: AcquireReason;
    readonly vacancy: Vacancy;
  }
  /** (round) Delete the own leader key by compare-and-delete. */
  | {
    readonly kind: "release_lease";
    readonly reason: ReleaseReason;
    /** What this member is from now on, and its callbacks are told; null: as before. */
    readonly newRole: "demoted" | null;
  }
  /** (round) Create the empty `initialize` key; the winner bootstraps. */
  | { readonly kind: "race_initialize"; readonly reason: "no_cluster_yet" }
  /** (round) Publish the system identifier. */
  | {
    readonly kind: "write_initialize";
    readonly reason: "initialize_invalid";
    readonly systemId: string;
    /** Whether the key must not be there yet. */
    readonly expected: "absent" | "any";
  }
  /** (round) Write the dynamic configuration that this agent has in force. */
  | {
    readonly kind: "write_config";
    readonly reason: "config_missing";
    readonly document: Readonly<Record<string, unknown>>;
  }
  /** (round) Empty the failover key by compare-and-set. */
  | {
    readonly kind: "clear_failover";
    readonly reason: ClearReason;
    readonly revision: Revision;
    readonly facts: Facts;
  }
  /** (round) Forget the scheduled restart. */
  | { readonly kind: "drop_restart"; readonly reason: DropReason }
  /** (round) Answer what an operator asked of this member with a refusal. */
  | {
    readonly kind: "refuse_request";
    readonly reason: RefuseReason;
    readonly facts: Facts;
  }
  /** (round) Write the sync key by compare-and-set. */
  | SyncGuard & {
    readonly kind: "write_sync";
    readonly reason: "synchronous_standbys_changed" | "synchronous_enabled";
    readonly leader: MemberName;
    readonly standbys: readonly MemberName[];
    readonly quorum: number;
  }
  /** (round) Delete the sync key. */
  | SyncGuard & {
    readonly kind: "delete_sync";
    readonly reason: "synchronous_disabled";
  }
  /** (round) Set synchronous_standby_names; null restores the user's own value. */
  | {
    readonly kind: "set_synchronous_standbys";
    readonly reason: "synchronous_standbys_changed" | "before_promotion";
    readonly value: string | null;
    /** The term in which it was decided: only in this one it may be done. */
    readonly term: Revision | null;
  }
  | {
    readonly kind: "start_task";
    readonly task: LongTask;
    readonly reason: TaskReason;
    readonly facts: Facts;
  }
  | {
    readonly kind: "cancel_task";
    readonly reason:
      | "lease_lost"
      | "other_leads"
      | "term_over"
      | "vetoed";
  }
  /** End the agent. `isPostgresLeft`: the instance is not touched. */
  | {
    readonly kind: "exit";
    readonly reason: ExitReason;
    readonly isPostgresLeft: boolean;
    readonly facts: Facts;
  }
  | {
    readonly kind: "wait";
    readonly reason: WaitReason;
    readonly facts: Facts;
    /** Look again after that time instead of a whole loop_wait; null: loop_wait. */
    readonly againInMs: number | null;
  };
