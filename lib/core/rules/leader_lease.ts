/**
 * Rows for whoever holds the leader key, whatever its instance does: keep the
 * lease, and give the key back where this member must not have it.
 */
import { isFresh } from "../model/lease_view.ts";
import { isInSync, isSyncActive } from "../calc/lead/candidates.ts";
import type { Decision } from "../model/decision.ts";
import type { Observation } from "../model/observation.ts";
import {
  localSystemId,
  mayBeWritable,
  primaryOf,
  release,
  renew,
  replicaOf,
  startTask,
  viewOf,
} from "./parts.ts";
import { isForcedOn } from "./promotion.ts";
import type { Rule } from "./rule.ts";

/** The first of all. */
export const RENEWAL: Rule = {
  id: "R410",
  why: "First of all the lease is renewed.",
  decides: ["renew_lease cycle"],
  match: (o) => isFresh(o.lease) ? null : renew(o),
};

/** For scopes that are no standby cluster. */
export const UNSYNCED: Rule = {
  id: "R415",
  why:
    "In synchronous mode a holder of the key that may lack commits gives it back.",
  decides: ["demote not_healthiest", "release_lease not_synchronous"],
  match: giveBackUnsynced,
};

/** For any instance. */
export const FOREIGN: Rule = {
  id: "R418",
  why: "In pause a leader of another lineage gives the key away.",
  decides: ["release_lease system_id_mismatch"],
  match: (o) => {
    const { initialize } = viewOf(o);
    const local = localSystemId(o);
    const isForeign = initialize.kind === "initialized" && local !== null &&
      initialize.systemId !== local;
    return o.settings.isPaused && isForeign
      ? release("system_id_mismatch")
      : null;
  },
};

/** For an instance that runs. */
export const UNWATCHED: Rule = {
  id: "R482",
  why:
    "A leader whose required watchdog could not be started gives the lead up.",
  decides: ["demote watchdog_failed", "release_lease watchdog_failed"],
  match: giveUpUnwatched,
};

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
