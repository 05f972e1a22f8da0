/** How the last lead ended, as one sentence for people. */
import type { LeadEnd } from "../core/calc/lead/lead_end.ts";
import type { TaskReason } from "../core/model/decision.ts";
import type { Facts } from "../core/model/decision.ts";
import type { ToldDecision } from "../core/model/told_decision.ts";

/** `n1 stepped down: a switchover to n2 was requested`. */
export function leadEndText(end: LeadEnd): string {
  switch (end.kind) {
    case "given":
      return `${end.decision.member} stepped down: ${givenText(end.decision)}`;
    case "requested":
      return `An operator asked for it; ${end.former} does not tell any more ` +
        "how it stepped down";
    case "stopped":
      return `${end.former} handed the lead over because its agent was stopped`;
    case "silent":
      return `${end.former} did not step down: ${
        silenceText(end.detail)
      }. Its ` +
        "leader key ran out, or the fence of its host stopped PostgreSQL and " +
        "gave the key back";
    case "key_lost":
      return `${end.former} did not step down: its agent answered (as ` +
        `${end.formerRole}), but had no leader key any more: it was frozen or ` +
        "cut off from the store for longer than its lease, or the key was removed";
    case "unknown":
      return end.former === null
        ? "How the lead before ended is told by nobody who answers"
        : `How the lead of ${end.former} ended is told by nobody who answers: ` +
          "agents forget their decisions when they are restarted, their logs " +
          "do not";
  }
}

/** What it means for the one that asks why there was a change. */
const WHY: Readonly<Partial<Record<TaskReason, string>>> = {
  start_timed_out:
    "its PostgreSQL was not up again within primary_start_timeout",
  crash_failover:
    "its PostgreSQL crashed, and primary_start_timeout asks for a failover at " +
    "once",
  dcs_unreachable: "it could not reach the store to renew its leader key",
  lease_running_out:
    "it could not renew its leader key in time (store slow or not reachable, " +
    "or the agent was held up)",
  lease_lost: "its leader key was gone",
  lease_released: "it had given its leader key away",
  not_leader: "somebody else held the leader key",
  watchdog_failed: "its watchdog could not be kept up",
  standby_cluster_begins: "the scope became a standby cluster",
};

function givenText(decision: ToldDecision): string {
  const { reason, facts, sentence } = decision;
  if (reason === "switchover_requested") return requestText(facts);
  const why = Object.entries(WHY).find(([code]) => code === reason)?.[1];
  return why ?? sentence;
}

function requestText({ requestedFrom, candidate, scheduledAt }: Facts): string {
  const what = requestedFrom === null ? "a failover" : "a switchover";
  const to = candidate == null ? "" : ` to ${candidate}`;
  const when = scheduledAt == null ? "" : ` for ${scheduledAt}`;
  return `${what}${to} was requested${when}`;
}

function silenceText(detail: string): string {
  const what = `its REST API did not answer (${detail})`;
  return detail.includes("ECONNREFUSED")
    ? `${what}, so its agent was dead`
    : `${what}, so its agent was frozen, or its host lost or cut off`;
}
