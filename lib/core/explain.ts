/**
 * Sentences for people, made from decisions and their reason codes. Where the
 * wording is an interface that tools read in Patroni's log (docs/contract/ha.md), it is
 * produced here and nowhere else.
 */
import type {
  Decision,
  Facts,
  TaskReason,
  WaitReason,
} from "./model/decision.ts";
import type { MemberName } from "./model/member.ts";
import { fencingText } from "./fencing_text.ts";
import type { Take } from "./model/takeover_decision.ts";
import type { LongTask } from "./model/task_view.ts";

/**
 * One sentence that says what the decision does and why.
 *
 * @param self The name of the deciding member.
 *
 * @example
 * ```ts
 * import { explain } from "./explain.ts";
 * const text = explain({ kind: "wait", reason: "leading", facts: {}, againInMs: null }, "n1");
 * if (text !== "no action. I am (n1), the leader with the lock") throw new Error(text);
 * ```
 */
export function explain(decision: Decision, self: MemberName): string {
  switch (decision.kind) {
    case "wait":
      return explainWait(decision.reason, decision.facts, self);
    case "start_task":
      return `${OCCASIONS.get(decision.reason) ?? explainTask(decision.task)}${
        factsText(decision.facts)
      }`;
    case "acquire_lease":
      return ACQUIRE[decision.reason];
    case "release_lease":
      return RELEASE[decision.reason];
    case "exit":
      return explainExit(decision, self);
    case "ask_peers":
      return "asking the other members for their positions";
    case "ask_failsafe":
      return "asking the members of the failsafe map for their consent";
    case "ask_upstream":
      return "comparing the local WAL with the leader's history";
    case "trust_timeline":
      return "the local WAL is on the leader's line of history";
    case "look_afresh":
      return LOOK_AFRESH[decision.reason];
    case "write_fencing":
    case "rest_suspicion":
    case "take_fenced_lease":
      return fencingText(decision);
    case "write_pledge_record":
    case "write_pledge":
      return PLEDGE[decision.reason];
    case "close_source":
      return "taking no more WAL from the leader";
    case "take_lease":
      return takeText(decision.take);
    case "veto_pledges":
      return vetoText(decision.pledges);
    case "renew_lease":
      return "updating leader lock";
    case "race_initialize":
      return "trying to bootstrap a new cluster";
    case "write_initialize":
      return `publishing system identifier ${decision.systemId}`;
    case "write_config":
      return "writing the missing dynamic configuration";
    case "clear_failover":
      return `Cleaning up failover key: ${decision.reason}${
        factsText(decision.facts)
      }`;
    case "drop_restart":
      return DROP[decision.reason];
    case "refuse_request":
      return `${REFUSE[decision.reason]}${factsText(decision.facts)}`;
    case "write_sync":
      return decision.standbys.length === 0
        ? "No synchronous standby has every commit now"
        : `Synchronous standby status assigned to [${
          decision.standbys.join(", ")
        }]`;
    case "delete_sync":
      return "Disabled synchronous replication";
    case "set_synchronous_standbys":
      return `Assigning synchronous standby status to [${
        decision.value ?? "the configured value"
      }]`;
    case "cancel_task":
      return CANCEL[decision.reason];
  }
}

function namesIn(list: readonly { readonly name: MemberName }[]): string {
  return list.map(({ name }) => name).join(", ");
}

function takeText({ pledges }: Take): string {
  const names = namesIn(pledges);
  return `taking the leader key over from the lost leader, pledged by ${names}`;
}

function vetoText(pledges: Take["pledges"]): string {
  return `objecting to the pledges of ${namesIn(pledges)}: this leader lives`;
}

/** Work whose occasion says more than its kind. Source: docs/contract/ha.md 4.2 and 4.6. */
const OCCASIONS: ReadonlyMap<TaskReason, string> = new Map([
  ["start_timed_out", "stopped PostgreSQL because of startup timeout"],
  ["crash_failover", "stopped PostgreSQL to fail over after a crash"],
  ["restart_due", "restarting at the scheduled time"],
  [
    "standby_settings_changed",
    "putting this standby's settings, files and password in place",
  ],
  ["replay_blocked", "restarting: the replay waits for larger settings"],
]);

const ACQUIRE = {
  healthiest: "trying to acquire session lock as the healthiest member",
  already_primary: "acquiring session lock as a leader",
  named_candidate: "trying to acquire session lock as the named candidate",
  took_back: "taking the session lock back: no other member can lead",
} as const;

const RELEASE = {
  data_directory_empty:
    "released leader key voluntarily as data dir empty and currently leader",
  data_directory_unusable:
    "released leader key voluntarily as data dir not accessible and currently leader",
  start_failed: "removed leader key after trying and failing to start postgres",
  not_running_in_pause: "removed leader lock because postgres is not running",
  not_synchronous:
    "released leader key because this member is not a synchronous standby",
  watchdog_failed: "Not promoting self because watchdog could not be activated",
  pre_promote_failed:
    "Promotion cancelled because the pre-promote script failed",
  not_primary_in_pause:
    "removed leader lock because postgres is not running as primary",
  system_id_mismatch:
    "released leader key voluntarily due to the system ID mismatch",
  restored_backup:
    "released leader key because a restored backup took the place of the data",
} as const;

const PLEDGE = {
  leader_suspected:
    "pledging to take no more WAL from the leader: it seems to be lost",
  vetoed: "taking the pledge back: the leader objected",
  withdrawn: "taking the pledge back",
  term_over: "forgetting the pledge: its term is over",
  record_missing: "taking back what an earlier life may have pledged",
  caught_up: "able to pledge again: all that the leader had is here",
} as const;

const LOOK_AFRESH = {
  pledge_stands: "asking the store itself where pledges stand",
  fencing_due: "asking the store itself how it stands with the leader",
} as const;

const CANCEL = {
  lease_lost: "lost leader before promote",
  other_leads:
    "cancelling the recovery of the restored backup: another member leads",
  vetoed: "ending the fencing command: the leader objected",
  term_over: "ending the fencing command: the term of that leader is over",
} as const;

const DROP = {
  schedule_passed: "Found a stale restart value, cleaning up",
  postmaster_changed:
    "Cleaning up the scheduled restart: the postmaster start time has changed",
  conditions_unmet: "restart conditions are not satisfied",
} as const;

/** The first two are Patroni's answers. Source: docs/contract/ha.md 9.3. */
const REFUSE = {
  no_leader: "Cluster has no leader, can not reinitialize",
  leads_by_now: "I am the leader, can not reinitialize",
  leader_not_running: "The leader is not running, can not reinitialize",
} as const;

function explainExit(
  decision: Extract<Decision, { kind: "exit" }>,
  self: MemberName,
): string {
  const { facts } = decision;
  switch (decision.reason) {
    case "system_id_mismatch":
      return `system ID mismatch, node ${self} belongs to a different cluster: ${
        facts["scopeSystemId"]
      } != ${facts["localSystemId"]}`;
    case "replica_without_cluster":
      return "No initialize key in DCS and PostgreSQL is running as replica, aborting start";
    case "bootstrap_failed":
      return `Failed to bootstrap cluster: ${facts["detail"]}`;
  }
}

function explainTask(task: LongTask): string {
  switch (task.kind) {
    case "bootstrap":
      return "trying to bootstrap a new cluster";
    case "finish_restore":
      return "recovering the restored backup up to its target";
    case "clone":
      return task.source === null
        ? "trying to bootstrap (without leader)"
        : `trying to bootstrap from '${task.source}'`;
    case "start":
      return task.as === "primary"
        ? "starting primary after failure"
        : task.upstream === null
        ? "starting read-only, without an upstream"
        : `starting as a secondary of ${task.upstream}`;
    case "restart":
      return "restarting on request";
    case "follow":
      return task.upstream === null
        ? "following nobody"
        : `following new leader ${task.upstream}`;
    case "promote":
      return "promoted self to leader by acquiring session lock";
    case "demote":
      return `Demoting self (${task.how.replace("_", "-")})`;
    case "rewind":
      return `running pg_rewind from ${task.source}`;
    case "copy_slots":
      return `Copying logical slots [${
        task.slots.map(({ name }) => `'${name}'`).join(", ")
      }] from the primary`;
    case "remove_data":
      return `removing the data directory: ${task.why}`;
    case "set_aside":
      return `moving the data directory aside: ${task.why}`;
    case "fence":
      return `running the fencing command against the host of ${task.host}`;
    case "reinitialize":
      return `reinitializing from ${task.source}`;
  }
}

const WAITING: Readonly<Record<WaitReason, string>> = {
  leading: "no action. I am ($self), the leader with the lock",
  leading_standby: "no action. I am ($self), the standby leader with the lock",
  following:
    "no action. I am ($self), a secondary, and following a leader ($leader)",
  task_in_progress: "$task in progress",
  starting_up: "PostgreSQL is still starting up",
  dcs_unreachable: "DCS is not accessible",
  lease_still_covers:
    "DCS is not accessible; continuing as leader while the lease lasts",
  failsafe_covers:
    "continue to run as a leader because failsafe mode is enabled and all members are accessible",
  not_in_failsafe_map:
    "following a different leader because I am not listed in the failsafe map",
  consent_unknown:
    "waiting: this member may have agreed in failsafe mode to a leader that does not answer",
  wal_still_advancing:
    "postponing the leader race: wal position moved since last heart beat loop",
  lease_too_short: "not promoting: too little of the lease is left",
  bid_lost: "following new leader after trying and failing to obtain lock",
  lease_released:
    "waiting for another member to take over: this one gave the leader key away",
  paused: "no action in pause. I am ($self)",
  not_running_in_pause: "postgres is not running",
  pre_promote_failed:
    "not promoting: the pre-promote script failed within the last ttl",
  primary_without_lock: "continue to run as primary without lock",
  system_id_invalid:
    "data dir for the cluster is not empty, but system ID is invalid; consider doing reinitialize",
  data_directory_unusable: "data directory is not accessible",
  leader_not_bootstrapped: "waiting for leader to bootstrap",
  bootstrap_elsewhere: "waiting for leader to bootstrap",
  bootstrap_not_allowed:
    "waiting for leader to bootstrap: this member may not create a cluster",
  leader_unknown_address: "waiting for the leader to publish its address",
  leader_not_running: "waiting for the leader's PostgreSQL",
  upstream_silent: "waiting: the leader's PostgreSQL does not answer",
  new_leader_expected: "waiting for another member to take over",
  candidate_expected: "waiting for the named candidate",
  not_synchronous:
    "following a different leader because I am not a synchronous standby",
  watchdog_failed: "Watchdog device is not usable",
  nofailover:
    "following a different leader because I am not allowed to promote",
  timeline_behind: "My timeline is behind last known cluster timeline",
  lag_exceeds_maximum: "My wal position exceeds maximum replication lag",
  primary_alive: "Primary ($peer) is still alive",
  peer_ahead: "Wal position of $peer is ahead of my wal position",
  peer_priority_higher:
    "$peer has equally tolerable WAL position and priority $peerPriority, while this node has priority $ownPriority",
  quorum_missing: "not enough quorum votes",
  position_unknown: "not healthy enough for leader race",
  diverged_no_repair:
    "the local WAL diverged from the leader's and may not be repaired: enable use_pg_rewind or reinitialize this member",
  rewind_failed_no_repair:
    "the local WAL diverged from the leader's, and pg_rewind failed: $rewind; mend that and restart this member, or reinitialize it",
  twin_timeline:
    "the local WAL is on another timeline of the same number as the leader's, which pg_rewind cannot repair: reinitialize this member",
  leader_checkpoint_pending: "Waiting for checkpoint on $leader before rewind",
  back_off: "waiting before $task is tried again",
  restart_scheduled: "Awaiting restart at the scheduled time",
  switchover_scheduled: "Awaiting switchover at the scheduled time",
  start_timed_out_no_candidate:
    "primary start has timed out, but continuing to wait because failover is not possible",
  unresponsive: "PostgreSQL does not answer",
  pledge_stands:
    "taking no WAL from the leader, which seems to be lost: waiting for other members",
  veto_awaited:
    "about to take the leader key over: a leader that lives has its time to object",
  restore_refused:
    "not starting the restored backup, nothing was touched: $why",
  restore_on_its_way: "the restored backup is on its way to $target",
  restore_paused:
    "the recovery pauses at $target: have a look, then promote it by `failover --candidate $self`",
  restore_shut_down:
    "the recovery ended at $target, and PostgreSQL was shut down as recovery_target_action says",
};

function explainWait(
  reason: WaitReason,
  facts: Facts,
  self: MemberName,
): string {
  const values: Facts = { ...facts, self };
  const used = new Set<string>();
  const sentence = WAITING[reason].replace(/\$(\w+)/g, (_, name: string) => {
    used.add(name);
    return String(values[name] ?? "?");
  });
  const rest = Object.entries(facts).filter(([name]) => !used.has(name));
  return `${sentence}${factsText(Object.fromEntries(rest))}`;
}

function factsText(facts: Facts): string {
  const parts = Object.entries(facts).map(([name, value]) =>
    `${name} ${value}`
  );
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}
