/**
 * Rows about a restored backup that waits for its recovery up to a target. It is
 * finished first, as its settings say, where nobody else could be overtaken by
 * it; everywhere else it stays untouched and the reason is told.
 */
import { invariant } from "../base/invariant.ts";
import type { Decision } from "../model/decision.ts";
import { leadOf, type Observation } from "../model/observation.ts";
import type { RestoreProblem, RestoreView } from "../model/restore.ts";
import {
  leaderOf,
  pauseAfterFailure,
  release,
  replicaOf,
  startTask,
  viewOf,
  wait,
  waitShortly,
} from "./parts.ts";
import type { Rule } from "./rule.ts";

/** The recovery that waits in a stopped instance; null: there is none. */
export function waitingRestore(o: Observation): RestoreView | null {
  return o.postgres.kind === "stopped" ? o.postgres.restore ?? null : null;
}

/** Cancels the recovery when somebody leads: its outcome would be a second history. */
export const RESTORE_OVERTAKEN: Rule = {
  id: "R045",
  why:
    "The recovery of a restored backup is cancelled when another member leads.",
  decides: ["cancel_task other_leads"],
  match: (o) => {
    if (o.task.kind !== "running") return null;
    return o.task.task.kind === "finish_restore" && leadOf(o) === "other"
      ? { kind: "cancel_task", reason: "other_leads" }
      : null;
  },
};

/** Without a leader. */
export const RESTORE_FIRST: Rule = {
  id: "R255",
  why:
    "A restored backup first recovers up to its target, if no other member is there whom that would overtake.",
  decides: [
    "finish_restore restored_backup",
    "wait restore_refused",
    "wait restore_shut_down",
    "wait back_off",
  ],
  match: finishRestore,
};

/** Without a leader, before anything that could promote. */
export const RESTORE_RUNS: Rule = {
  id: "R265",
  why:
    "A restored backup on its way to its target does not race; paused there, it waits until an operator names it.",
  decides: ["wait restore_on_its_way", "wait restore_paused"],
  match: (o) => {
    const replica = replicaOf(o);
    if (replica?.restore === undefined) return null;
    const { target } = replica.restore;
    if (!replica.isReplayPaused) {
      return waitShortly("restore_on_its_way", { target });
    }
    const request = viewOf(o).failover;
    const isNamed = request?.candidate === o.self &&
      request.scheduledAt === null;
    return isNamed ? null : wait("restore_paused", { target });
  },
};

/** For the holder of the key. */
export const RESTORE_WITH_KEY: Rule = {
  id: "R065",
  why:
    "A leader whose data was replaced by a restored backup gives the key away: its recovery comes first.",
  decides: ["release_lease restored_backup"],
  match: (o) =>
    waitingRestore(o) !== null && leadOf(o) === "self"
      ? release("restored_backup")
      : null,
};

/** For everybody but the leader. */
export const RESTORE_BESIDE_LEADER: Rule = {
  id: "R645",
  why:
    "A backup that was restored up to a target never becomes a replica of a leader that went on.",
  decides: ["wait restore_refused"],
  match: (o) => {
    const restore = waitingRestore(o) ?? replicaOf(o)?.restore ?? null;
    if (restore === null || o.request?.kind === "reinitialize") return null;
    return refuse(restore, `${leaderOf(o).name} leads this scope`);
  },
};

/** While the store is away. */
export const RESTORE_WITHOUT_STORE: Rule = {
  id: "R835",
  why: "A restored backup waits for the store: somebody may lead.",
  decides: ["wait dcs_unreachable"],
  match: (o) =>
    waitingRestore(o) === null ? null : waitShortly("dcs_unreachable"),
};

const PROBLEMS: Readonly<Record<RestoreProblem, string>> = {
  no_restore_command:
    "recovery.signal and a target are there, but no restore_command",
  settings_unreadable: "postgres cannot read its settings",
};

function finishRestore(o: Observation): Decision | null {
  const restore = waitingRestore(o);
  if (restore === null) return null;
  const why = obstacle(o, restore);
  if (why !== null) return refuse(restore, why);
  const { target, action } = restore;
  const last = o.memory.lastOutcome;
  const isDone = last?.task.kind === "finish_restore" && last.result === "done";
  if (action === "shutdown" && isDone) {
    return wait("restore_shut_down", { target });
  }
  return pauseAfterFailure(o, "finish_restore") ??
    startTask({ kind: "finish_restore" }, "restored_backup", {
      target,
      action,
    });
}

function obstacle(o: Observation, { problem }: RestoreView): string | null {
  invariant(leadOf(o) === "nobody", "a restore begins without a leader");
  if (problem !== null) return PROBLEMS[problem];
  if (o.settings.isStandbyCluster) return "this is a standby cluster";
  if (o.tags.isNofailover) return "this member is tagged nofailover";
  const others = viewOf(o).members.map(({ name }) => name)
    .filter((name) => name !== o.self);
  return others.length === 0
    ? null
    : `other members are registered (${others.join(", ")})`;
}

function refuse({ target }: RestoreView, why: string): Decision {
  return wait("restore_refused", { why, target });
}
