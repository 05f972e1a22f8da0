/**
 * LEADER: this member holds the leader key, and its instance is a primary. Keep
 * the keys of the scope and the synchronous set true.
 */
import {
  isConfirmationPending,
  planSynchronous,
} from "../calc/sync/sync_standbys.ts";
import { remainingMs } from "../base/units.ts";
import { mayDropVoters } from "../calc/takeover/veto.ts";
import type { Decision } from "../model/decision.ts";
import { memberOf } from "../model/cluster_view.ts";
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

/** A member key that could not be written keeps nothing else back for longer. */
const ROLE_FIRST_MS = 1_000;

/** The last rows of a primary. */
export const LEADING: readonly Rule[] = [
  {
    id: "R575",
    why:
      "Clients are led to a new primary by its member key, which is written before the synchronous set is put in order.",
    decides: ["wait leading"],
    match: (o) => isRoleUntold(o) ? waitShortly("leading", {}, 0) : null,
  },
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
        (areVotersKept(o) || isConfirmationPending(syncInputs(o, primary)));
      return isPending ? waitShortly("leading", {}) : wait("leading");
    },
  },
];

/** Just promoted, and the store does not say so yet. */
function isRoleUntold(o: Observation): boolean {
  const { lastOutcome } = o.memory;
  const isNew = lastOutcome !== null && lastOutcome.task.kind === "promote" &&
    lastOutcome.result === "done" &&
    remainingMs(o.now, lastOutcome.endedAt) < ROLE_FIRST_MS;
  return isNew && memberOf(viewOf(o), o.self)?.role !== "primary";
}

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

/** Those who pledged do not stream: that must not make commits asynchronous. */
function areVotersKept({ memory, settings, now }: Observation): boolean {
  const { takeover } = settings;
  return takeover !== null && !mayDropVoters(memory.takeover.stoodAt, {
    now,
    vetoTimeMs: takeover.vetoTimeMs,
  });
}

function planSyncStep(o: Observation): Decision | null {
  const primary = primaryOf(o);
  return primary === null || areVotersKept(o)
    ? null
    : planSynchronous(syncInputs(o, primary));
}
