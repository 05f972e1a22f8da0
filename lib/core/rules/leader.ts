/**
 * LEADER: this member holds the leader key. Keep the lease, keep the instance
 * primary, obey the operator, keep the synchronous set true.
 */
import { isFresh } from "../model/lease_view.ts";
import { isInSync, isSyncActive } from "../calc/lead/candidates.ts";
import {
  isConfirmationPending,
  planSynchronous,
} from "../calc/sync/sync_standbys.ts";
import type { Decision } from "../model/decision.ts";
import type { Observation } from "../model/observation.ts";
import { writeInitialize } from "./bootstrap.ts";
import {
  localSystemId,
  mayBeWritable,
  primaryOf,
  release,
  renew,
  replicaOf,
  startTask,
  viewOf,
  wait,
  waitShortly,
} from "./parts.ts";
import { DOWN } from "./leader_down.ts";
import { isForcedOn, PROMOTION } from "./promotion.ts";
import { OPERATOR, restartOnSchedule } from "./operator.ts";
import type { Rule } from "./rule.ts";
import {
  DEMOTE_CLUSTER,
  STANDBY_LEADER,
  STANDBY_SYNC_KEY,
  unlessStandbyCluster,
} from "./standby_cluster.ts";

const LEASE: readonly Rule[] = [
  {
    id: "R410",
    why: "First of all the lease is renewed.",
    match: (o) => isFresh(o.lease) ? null : renew(o),
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
];

const UNWATCHED: Rule = {
  id: "R482",
  why:
    "A leader whose required watchdog could not be started gives the lead up.",
  match: giveUpUnwatched,
};

const STEADY: readonly Rule[] = [
  {
    id: "R560",
    why: "The scope's system identifier is this primary's.",
    match: (o) => {
      const systemId = localSystemId(o);
      return viewOf(o).initialize.kind === "initialized" || systemId === null
        ? null
        : writeInitialize(viewOf(o), systemId);
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
  ...LEASE,
  ...DOWN,
  UNWATCHED,
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
