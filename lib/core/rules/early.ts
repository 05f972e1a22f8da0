/**
 * EARLY: what comes before any question about the leader. A wrong lineage, a
 * lease that runs out, and work that is already under way.
 */
import { deadlineOf, isFresh } from "../model/lease_view.ts";
import { leaseRemainingMs, stopBudgetMs } from "../calc/lead/budgets.ts";
import { claimOf } from "../calc/takeover/fencing_claim.ts";
import type { Decision } from "../model/decision.ts";
import { leadOf, type Observation } from "../model/observation.ts";
import type { Rule } from "./rule.ts";
import { RESTORE_OVERTAKEN, RESTORE_WITH_KEY } from "./restore.ts";
import {
  localSystemId,
  mayBeWritable,
  renew,
  startTask,
  wait,
} from "./parts.ts";

/** The rows of this section; unlike the others it may match nothing. */
export const EARLY: readonly Rule[] = [
  {
    id: "R010",
    why:
      "A data directory of another cluster must never serve this scope: end the agent and touch nothing.",
    decides: ["exit system_id_mismatch"],
    match: exitOnOtherSystemId,
  },
  {
    id: "R020",
    why:
      "A primary whose lease runs out stops while the lease still covers the stop.",
    decides: ["demote lease_running_out"],
    match: demoteBeforeLeaseEnds,
  },
  {
    id: "R030",
    why: "A promotion without the lease is cancelled.",
    decides: ["cancel_task lease_lost"],
    match: (o) =>
      o.task.kind === "running" && o.task.task.kind === "promote" &&
        !isLeader(o) && o.dcs.kind === "reachable"
        ? { kind: "cancel_task", reason: "lease_lost" }
        : null,
  },
  {
    id: "R040",
    why: "Starting a primary without the lease is cancelled.",
    decides: ["cancel_task lease_lost"],
    match: (o) => {
      if (o.task.kind !== "running" || o.dcs.kind !== "reachable") return null;
      const task = o.task.task;
      const isPrimaryStart = task.kind === "start" && task.as === "primary" ||
        task.kind === "restart" && o.memory.role === "primary";
      return isPrimaryStart && !isLeader(o) && !o.settings.isPaused
        ? { kind: "cancel_task", reason: "lease_lost" }
        : null;
    },
  },
  RESTORE_OVERTAKEN,
  {
    id: "R047",
    why:
      "A fencing command is ended when the leader that it is to end objects, or its term is over.",
    decides: ["cancel_task term_over", "cancel_task vetoed"],
    match: endFencing,
  },
  {
    id: "R050",
    why: "Long work of the leader does not cost it the lease.",
    decides: ["renew_lease cycle"],
    match: (o) =>
      o.task.kind === "running" && isLeader(o) && !isFresh(o.lease) &&
        !isGivingUp(o)
        ? renew(o)
        : null,
  },
  {
    id: "R060",
    why: "One long task at a time; the cycle rests until it ends.",
    decides: ["wait task_in_progress"],
    match: (o) =>
      o.task.kind === "running"
        ? wait("task_in_progress", { task: o.task.task.kind })
        : null,
  },
  RESTORE_WITH_KEY,
  {
    id: "R070",
    why:
      "A bootstrap that failed ends the agent: its data directory was renamed.",
    decides: ["exit bootstrap_failed"],
    match: (o) =>
      o.memory.lastOutcome?.task.kind === "bootstrap" &&
        o.memory.lastOutcome.result === "failed"
        ? {
          kind: "exit",
          reason: "bootstrap_failed",
          isPostgresLeft: false,
          facts: { detail: o.memory.lastOutcome.detail },
        }
        : null,
  },
];

function endFencing(o: Observation): Decision | null {
  if (o.task.kind !== "running" || o.dcs.kind !== "reachable") return null;
  const { task } = o.task;
  if (task.kind !== "fence") return null;
  const { leader } = o.dcs.view;
  if (leader?.name !== task.host || leader.revision !== task.term) {
    return { kind: "cancel_task", reason: "term_over" };
  }
  const claim = claimOf(o.dcs.view);
  return claim?.by === o.self && claim.state === "vetoed"
    ? { kind: "cancel_task", reason: "vetoed" }
    : null;
}

function exitOnOtherSystemId(o: Observation): Decision | null {
  if (o.dcs.kind !== "reachable" || o.settings.isPaused) return null;
  const { initialize } = o.dcs.view;
  const local = localSystemId(o);
  if (initialize.kind !== "initialized" || local === null) return null;
  return local === initialize.systemId ? null : {
    kind: "exit",
    reason: "system_id_mismatch",
    isPostgresLeft: true,
    facts: { scopeSystemId: initialize.systemId, localSystemId: local },
  };
}

function demoteBeforeLeaseEnds(o: Observation): Decision | null {
  const remaining = leaseRemainingMs(o.lease, o.now);
  if (remaining === null || o.settings.isPaused) return null;
  if (remaining > stopBudgetMs(o.settings)) return null;
  if (!mayBeWritable(o) && !mayWorkMakeWritable(o)) return null;
  if (isGivingUp(o)) return null;
  return startTask(
    { kind: "demote", how: "offline", deadline: deadlineOf(o.lease) },
    "lease_running_out",
    {
      remainingMs: Math.round(remaining),
      stopBudgetMs: stopBudgetMs(o.settings),
    },
  );
}

function mayWorkMakeWritable(o: Observation): boolean {
  if (o.task.kind !== "running") return false;
  const { task } = o.task;
  return task.kind === "promote" || task.kind === "restart" ||
    task.kind === "start" && task.as === "primary";
}

function isGivingUp(o: Observation): boolean {
  return o.task.kind === "running" && o.task.task.kind === "demote" &&
    o.task.task.how !== "graceful" && o.task.task.how !== "cluster";
}

function isLeader(o: Observation): boolean {
  return leadOf(o) === "self";
}
