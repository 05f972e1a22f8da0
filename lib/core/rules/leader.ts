/**
 * LEADER: this member holds the leader key, and its instance is a primary. Keep
 * the keys of the scope and the synchronous set true.
 */
import {
  isConfirmationPending,
  planSynchronous,
} from "../calc/sync/sync_standbys.ts";
import type { Decision } from "../model/decision.ts";
import type { Observation } from "../model/observation.ts";
import { writeInitialize } from "./bootstrap.ts";
import {
  localSystemId,
  primaryOf,
  viewOf,
  wait,
  waitShortly,
} from "./parts.ts";
import type { Rule } from "./rule.ts";
import { LEADER_RESTART } from "./standby_cluster.ts";

/** For a primary, and for a standby leader. */
export const SYSTEM_ID: Rule = {
  id: "R560",
  why: "The scope's system identifier is this primary's.",
  decides: ["write_initialize initialize_invalid"],
  match: (o) => {
    const systemId = localSystemId(o);
    return viewOf(o).initialize.kind === "initialized" || systemId === null
      ? null
      : writeInitialize(viewOf(o), systemId);
  },
};

/** For a primary, and for a standby leader. */
export const CONFIG: Rule = {
  id: "R570",
  why: "A missing or broken dynamic configuration is written again.",
  decides: ["write_config config_missing"],
  match: (o) => {
    const document = viewOf(o).config?.document ?? null;
    return document === null || Object.keys(document).length === 0
      ? {
        kind: "write_config",
        reason: "config_missing",
        document: o.document,
      }
      : null;
  },
};

/** The last rows of a primary. */
export const LEADING: readonly Rule[] = [
  {
    id: "R580",
    why:
      "The synchronous set changes one safe step at a time: add to PostgreSQL first, remove from the key first; the key gains only replicas that are confirmed under names that are in force.",
    decides: [
      "write_sync synchronous_enabled",
      "write_sync synchronous_standbys_changed",
      "set_synchronous_standbys synchronous_standbys_changed",
      "delete_sync synchronous_disabled",
    ],
    match: planSyncStep,
  },
  LEADER_RESTART,
  {
    id: "R590",
    why: "All is well: this member leads.",
    decides: ["wait leading"],
    match: (o) => {
      const primary = primaryOf(o);
      const isPending = primary !== null &&
        isConfirmationPending(syncInputs(o, primary));
      return isPending ? waitShortly("leading", {}) : wait("leading");
    },
  },
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
