/**
 * LEADER: this member holds the leader key. Keep the lease, keep the instance
 * primary, obey the operator, keep the synchronous set true.
 */
import { leaseRemainingMs, promoteBudgetMs } from "../calc/lead/budgets.ts";
import {
  compareInRace,
  isForcedCandidate,
  isInSync,
  isQuorumRace,
  isSyncActive,
} from "../calc/lead/candidates.ts";
import {
  readySuccessors,
  refusals,
  successors,
} from "../calc/lead/successors.ts";
import {
  isConfirmationPending,
  planBeforePromotion,
  planSynchronous,
} from "../calc/sync/sync_standbys.ts";
import type { Decision, TaskReason } from "../model/decision.ts";
import type { Observation } from "../model/observation.ts";
import {
  isPromotionBarred,
  localSystemId,
  mayBeWritable,
  pauseAfterFailure,
  primaryOf,
  release,
  replicaOf,
  startAsStandby,
  startDelay,
  startingMs,
  startTask,
  viewOf,
  wait,
  waitShortly,
} from "./parts.ts";
import { OPERATOR, restartOnSchedule } from "./operator.ts";
import type { Rule } from "./rule.ts";
import {
  checkRemote,
  DEMOTE_CLUSTER,
  remoteOf,
  STANDBY_LEADER,
  STANDBY_SYNC_KEY,
  unlessStandbyCluster,
} from "./standby_cluster.ts";

const REPAIR: readonly Rule[] = [
  {
    id: "R410",
    why: "First of all the lease is renewed.",
    match: (o) =>
      o.lease.isFresh ? null : { kind: "renew_lease", reason: "cycle" },
  },
  {
    id: "R415",
    why:
      "In synchronous mode a holder of the key that may lack commits gives it back.",
    match: giveBackUnsynced,
  },
  {
    id: "R418",
    why: "In pause a leader of another lineage gives the key away.",
    match: (o) => {
      const { initialize } = viewOf(o);
      const local = localSystemId(o);
      const isForeign = initialize.kind === "initialized" && local !== null &&
        initialize.systemId !== local;
      return o.settings.isPaused && isForeign
        ? release("system_id_mismatch")
        : null;
    },
  },
  {
    id: "R420",
    why: "A leader without usable data gives the key away.",
    match: (o) =>
      o.postgres.kind === "empty"
        ? release("data_directory_empty")
        : o.postgres.kind === "unusable"
        ? release("data_directory_unusable")
        : null,
  },
  {
    id: "R425",
    why: "In pause a leader whose instance is down gives the key away.",
    match: (o) =>
      o.settings.isPaused && o.postgres.kind === "stopped"
        ? release("not_running_in_pause")
        : null,
  },
  {
    id: "R430",
    why: "A leader that could not start its instance gives the key away.",
    match: (o) =>
      o.postgres.kind === "stopped" && o.memory.isRecovering
        ? release("start_failed")
        : null,
  },
  {
    id: "R440",
    why:
      "With primary_start_timeout 0 a crash is answered by a failover, if somebody can take over.",
    match: failOverAfterCrash,
  },
  {
    id: "R450",
    why:
      "A primary that stopped or crashed under its lease is started again as primary, on its timeline.",
    match: (o) =>
      o.postgres.kind === "stopped" && !o.postgres.isStandby &&
        !o.settings.isStandbyCluster
        ? pauseAfterFailure(o, "start") ?? startTask(
          {
            kind: "start",
            as: "primary",
            upstream: null,
            timeoutMs: o.settings.primaryStartTimeoutMs,
          },
          "crashed_primary",
          { controlState: o.postgres.control.state },
        )
        : null,
  },
  {
    id: "R455",
    why:
      "In a standby cluster the leader's WAL must be on the remote's line of history.",
    match: checkRemote,
  },
  {
    id: "R460",
    why:
      "A stopped replica that holds the key starts read-only first; it is promoted once it answers.",
    match: (o) =>
      o.postgres.kind === "stopped"
        ? startAsStandby(o, remoteOf(o), "leader_starts_read_only")
        : null,
  },
  {
    id: "R470",
    why:
      "A start that hangs or takes longer than primary_start_timeout is given up when somebody can take over.",
    match: giveUpSlowStart,
  },
  {
    id: "R480",
    why: "An instance that does not answer is watched; the lease is kept.",
    match: (o) =>
      o.postgres.kind === "unresponsive"
        ? waitShortly("unresponsive", { detail: o.postgres.detail })
        : null,
  },
  {
    id: "R482",
    why:
      "A leader whose required watchdog could not be started gives the lead up.",
    match: giveUpUnwatched,
  },
];

/** While the scope is a standby cluster nobody is promoted. */
const PROMOTION: readonly Rule[] = [
  {
    id: "R485",
    why:
      "In pause a leader that is no primary, and is not to become one, gives the key away.",
    match: (o) =>
      o.settings.isPaused && replicaOf(o) !== null &&
        !o.settings.isStandbyCluster &&
        viewOf(o).failover?.candidate !== o.self
        ? release("not_primary_in_pause")
        : null,
  },
  {
    id: "R486",
    why:
      "A candidate whose pre_promote script failed removes the request: the others would wait for it.",
    match: (o) =>
      replicaOf(o) !== null && isPromotionBarred(o) &&
        viewOf(o).failover?.candidate === o.self
        ? { kind: "clear_failover", reason: "promotion_failed", facts: {} }
        : null,
  },
  {
    id: "R487",
    why: "A holder of the key whose pre_promote script failed gives it back.",
    match: (o) =>
      replicaOf(o) !== null && isPromotionBarred(o)
        ? release("pre_promote_failed")
        : null,
  },
  {
    id: "R488",
    why:
      "In quorum mode the votes are counted again with the key in hand: the bid may have rested on old answers.",
    match: countVotesAgain,
  },
  {
    id: "R490",
    why: "A promotion begins only if the rest of the lease covers it.",
    match: (o) => {
      const remainingMs = leaseRemainingMs(o.lease, o.now) ?? 0;
      const neededMs = promoteBudgetMs(o.settings);
      return replicaOf(o) !== null && remainingMs < neededMs
        ? waitShortly("lease_too_short", {
          remainingMs: Math.round(remainingMs),
          neededMs,
        })
        : null;
    },
  },
  {
    id: "R493",
    why:
      "Before a promotion the old leader's synchronous replicas are forgotten; in quorum mode they stay if commits are sure to wait for them.",
    match: (o) => {
      const replica = replicaOf(o);
      return replica === null ? null : planBeforePromotion({
        self: o.self,
        settings: o.settings,
        view: viewOf(o),
        synchronousStandbyNames: replica.synchronousStandbyNames,
        areStandbysManaged: replica.areStandbysManaged,
        areNamesInForce: replica.namesInForceLsn !== null,
      });
    },
  },
  {
    id: "R496",
    why: "The holder of the lease becomes primary.",
    match: (o) =>
      replicaOf(o) === null ? null : pauseAfterFailure(o, "promote") ??
        startTask({ kind: "promote" }, "lease_acquired"),
  },
];

const STEADY: readonly Rule[] = [
  {
    id: "R560",
    why: "The scope's system identifier is this primary's.",
    match: (o) => {
      const systemId = localSystemId(o);
      return viewOf(o).initialize.kind === "initialized" || systemId === null
        ? null
        : { kind: "write_initialize", reason: "initialize_invalid", systemId };
    },
  },
  {
    id: "R570",
    why: "A missing or broken dynamic configuration is written again.",
    match: (o) => {
      const document = viewOf(o).config?.document ?? null;
      return document === null || Object.keys(document).length === 0
        ? { kind: "write_config", reason: "config_missing" }
        : null;
    },
  },
  {
    id: "R580",
    why:
      "The synchronous set changes one safe step at a time: add to PostgreSQL first, remove from the key first; the key gains only replicas that are confirmed under names that are in force.",
    match: planSyncStep,
  },
  STANDBY_SYNC_KEY,
  {
    id: "R585",
    why: "A scheduled restart happens at its time, once, if it still fits.",
    match: restartOnSchedule,
  },
  ...STANDBY_LEADER,
  {
    id: "R590",
    why: "All is well: this member leads.",
    match: (o) => {
      const primary = primaryOf(o);
      const isPending = primary !== null &&
        isConfirmationPending(syncInputs(o, primary));
      return isPending ? waitShortly("leading", {}) : wait("leading");
    },
  },
];

/** The rows for the holder of the leader key. */
export const LEADER: readonly Rule[] = [
  ...REPAIR,
  DEMOTE_CLUSTER,
  ...PROMOTION.map(unlessStandbyCluster),
  ...OPERATOR,
  ...STEADY,
];

function syncInputs(
  o: Observation,
  postgres: NonNullable<ReturnType<typeof primaryOf>>,
) {
  return {
    self: o.self,
    settings: o.settings,
    view: viewOf(o),
    postgres,
    isWriteUncertain: o.memory.isSyncWriteUncertain,
  };
}

function planSyncStep(o: Observation): Decision | null {
  const primary = primaryOf(o);
  return primary === null ? null : planSynchronous(syncInputs(o, primary));
}

/** The bid may have rested on a view from before somebody else led: the sync key of now decides. */
function giveBackUnsynced(o: Observation): Decision | null {
  const view = viewOf(o);
  const isOut = o.settings.synchronousMode === "on" && !o.settings.isPaused &&
    isSyncActive(o.settings, view) && !isInSync(view, o.self);
  if (!isOut || isForcedOn(o)) return null;
  return mayBeWritable(o)
    ? startTask(
      { kind: "demote", how: "immediate", deadline: null },
      "not_healthiest",
      { isInSync: false },
    )
    : release("not_synchronous");
}

function giveUpUnwatched(o: Observation): Decision | null {
  if (!o.memory.hasWatchdogFailed || o.settings.isPaused) return null;
  if (primaryOf(o) === null) {
    return replicaOf(o) === null ? null : release("watchdog_failed");
  }
  return startTask(
    { kind: "demote", how: "immediate", deadline: null },
    "watchdog_failed",
  );
}

function countVotesAgain(o: Observation): Decision | null {
  const view = viewOf(o);
  if (replicaOf(o) === null || !isQuorumRace(o, view)) return null;
  if (isForcedOn(o)) return null;
  if (o.peers.kind !== "asked") {
    return { kind: "ask_peers", reason: "no_leader" };
  }
  const verdict = compareInRace(o, view, {
    answers: o.peers.answers,
    options: { isLagChecked: false, isRanked: false, ignored: [] },
  });
  return verdict.kind === "win" ? null : release("not_synchronous");
}

/** An operator wants this member to lead, whatever it lacks. */
function isForcedOn(o: Observation): boolean {
  return isForcedCandidate(viewOf(o), o.self);
}

function failOverAfterCrash(o: Observation): Decision | null {
  if (o.postgres.kind !== "stopped" || o.postgres.isStandby) return null;
  if (o.settings.primaryStartTimeoutMs > 0) return null;
  return demoteIfPossible(o, "crash_failover");
}

function giveUpSlowStart(o: Observation): Decision | null {
  const passedMs = startingMs(o);
  if (passedMs === null) return null;
  const timeoutMs = o.memory.startTimeoutMs ?? o.settings.primaryStartTimeoutMs;
  const delay = startDelay(o, { passedMs, timeoutMs });
  if (passedMs <= timeoutMs || o.settings.isPaused) {
    return waitShortly(delay.reason, delay.facts);
  }
  return demoteIfPossible(o, "start_timed_out") ??
    waitShortly("start_timed_out_no_candidate", {
      ...delay.facts,
      ...refusals(o, viewOf(o), {
        answers: o.peers.kind === "asked" ? o.peers.answers : [],
        limits: { requiredLsn: null, leaderLsn: viewOf(o).status.leaderLsn },
      }),
    });
}

/** Ask the peers, then stop at once if one of them can lead; null if none can. */
function demoteIfPossible(o: Observation, reason: TaskReason): Decision | null {
  const view = viewOf(o);
  if (successors(o, view).length === 0) return null;
  if (o.peers.kind !== "asked") {
    return { kind: "ask_peers", reason: "switchover" };
  }
  const ready = readySuccessors(o, view, {
    answers: o.peers.answers,
    limits: { requiredLsn: null, leaderLsn: view.status.leaderLsn },
  });
  return ready.length === 0 ? null : startTask(
    { kind: "demote", how: "immediate", deadline: null },
    reason,
    { ready: ready.join(",") },
  );
}
