/**
 * Under which circumstances the lead changed hands, as the member saw it that
 * decided: kept with the decision, because afterwards nobody can find it out.
 */
import { memberOf } from "../../model/cluster_view.ts";
import type { Decision, Facts } from "../../model/decision.ts";
import type { Observation } from "../../model/observation.ts";

/** Facts beside the decision's own; none for decisions that leave the lead where it is. */
export function circumstances(decision: Decision, o: Observation): Facts {
  const { kind } = decision;
  if (kind === "take_lease" || kind === "take_fenced_lease") {
    return formerFacts(o);
  }
  if (decision.kind === "acquire_lease") {
    return { ...requestFacts(o), ...formerFacts(o) };
  }
  const isRequested = decision.kind === "start_task" &&
    decision.reason === "switchover_requested";
  return isRequested ? requestFacts(o) : {};
}

/** What an operator asked for; `requestedFrom` null: a failover. */
function requestFacts(o: Observation): Facts {
  const request = o.dcs.kind === "reachable" ? o.dcs.view.failover : null;
  if (request === null) return {};
  return {
    requestedFrom: request.leader,
    candidate: request.candidate,
    scheduledAt: request.scheduledAt,
  };
}

/** How the leader before this bid looked from here: its key, and its answer. */
function formerFacts(o: Observation): Facts {
  const former = o.memory.knownPeers?.leader ?? null;
  if (former === null || o.dcs.kind !== "reachable") return {};
  const answer = o.peers.kind === "asked"
    ? o.peers.answers.find(({ name }) => name === former)
    : undefined;
  return {
    former,
    formerState: memberOf(o.dcs.view, former)?.state ?? null,
    formerAnswer: answer === undefined
      ? null
      : answer.kind === "silent"
      ? answer.detail
      : answer.isInRecovery
      ? "replica"
      : "primary",
  };
}
