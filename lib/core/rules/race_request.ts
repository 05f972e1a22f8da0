/**
 * Rows of a race that an operator's request decides, before positions do: who was
 * named, who is waited for, and when the old leader may come back.
 */
import {
  isForcedCandidate,
  isInSync,
  isQuorumRace,
  isSyncActive,
} from "../calc/lead/candidates.ts";
import { readySuccessors } from "../calc/lead/successors.ts";
import type { Lsn } from "../base/units.ts";
import { type FailoverRequest } from "../model/cluster_view.ts";
import type { Observation } from "../model/observation.ts";
import { ownPosition } from "../model/postgres_view.ts";
import { answersOf, replicaOf, viewOf, waitShortly } from "./parts.ts";
import type { Rule } from "./rule.ts";
import { acquire, askRivals, compare, LOST } from "./race_parts.ts";
import type { MemberName } from "../model/member.ts";

/** The rows; a request that says nothing here leaves it to the others. */
export const REQUESTED: readonly Rule[] = [
  {
    id: "R310",
    why:
      "The candidate that an operator named takes the key; for a switchover in quorum mode it needs votes.",
    decides: ["acquire_lease named_candidate"],
    match: (o) => {
      const request = requestHere(o);
      const isEnough = request?.leader === null || !isQuorumRace(o, viewOf(o));
      return request?.candidate === o.self && isEnough
        ? acquire(o, "named_candidate")
        : null;
    },
  },
  {
    id: "R311",
    why:
      "Whoever a request concerns asks the others first: it needs their votes, or waits for one of them.",
    decides: ["ask_peers no_leader"],
    match: (o) => requestHere(o) === null ? null : askRivals(o),
  },
  {
    id: "R312",
    why:
      "In quorum mode being named in the sync key proves nothing: the candidate of a switchover bids with the votes.",
    decides: ["acquire_lease named_candidate", ...LOST],
    match: (o) => {
      const request = requestHere(o);
      const isNamed = request?.candidate === o.self;
      return isNamed && request.leader !== null
        ? compare(o, { ignored: [request.leader], reason: "named_candidate" })
        : null;
    },
  },
  {
    id: "R313",
    why: "A named candidate that can take over is waited for.",
    decides: ["wait candidate_expected"],
    match: (o) => {
      const candidate = requestHere(o)?.candidate ?? null;
      return candidate !== null && isCandidateReady(o, candidate)
        ? waitShortly("candidate_expected", { candidate })
        : null;
    },
  },
  {
    id: "R314",
    why:
      "A switchover whose candidate cannot take over is a race without the old leader.",
    decides: ["acquire_lease healthiest", ...LOST],
    match: (o) => {
      const leader = requestHere(o)?.leader ?? null;
      return leader !== null && leader !== o.self
        ? compare(o, { ignored: [leader], reason: "healthiest" })
        : null;
    },
  },
  {
    id: "R315",
    why: "The old leader leaves the key to any other member that is ready.",
    decides: ["wait new_leader_expected"],
    match: (o) => {
      const request = requestFromHere(o);
      const others = request === null ? [] : readyOthers(o, request);
      return others.length > 0
        ? waitShortly("new_leader_expected", { others: others.join(",") })
        : null;
    },
  },
  {
    id: "R316",
    why:
      "In quorum mode an old leader that the sync key does not name as such needs votes to come back.",
    decides: ["acquire_lease healthiest", ...LOST],
    match: (o) => {
      const hasLed = viewOf(o).sync.leader === o.self;
      return requestFromHere(o) !== null && isQuorumRace(o, viewOf(o)) &&
          !hasLed
        ? compare(o, { ignored: [], reason: "healthiest" })
        : null;
    },
  },
  {
    id: "R317",
    why: "While nobody else is ready, the old leader takes the key back.",
    decides: ["acquire_lease took_back"],
    match: (o) => requestFromHere(o) === null ? null : acquire(o, "took_back"),
  },
];

/** The request, as far as it may decide here: a switchover names nobody who lacks commits. */
function requestHere(o: Observation): FailoverRequest | null {
  const request = viewOf(o).failover;
  const isOutOfSync = isSyncActive(o.settings, viewOf(o)) &&
    !isQuorumRace(o, viewOf(o)) && !isInSync(viewOf(o), o.self);
  return isOutOfSync && request !== null && request.leader !== null
    ? null
    : request;
}

/** The switchover away from this member, which is down to a replica by now. */
function requestFromHere(o: Observation): FailoverRequest | null {
  const request = requestHere(o);
  return request?.leader === o.self ? request : null;
}

/** Whether the named candidate is worth waiting for; for a switchover in quorum mode only if it can get the votes. */
function isCandidateReady(o: Observation, candidate: string): boolean {
  if (o.peers.kind !== "asked") return false;
  const view = viewOf(o);
  const isQuorum = isQuorumRace(o, view) && !isForcedCandidate(view, candidate);
  if (isQuorum && !isInSync(view, candidate)) return false;
  const requiredLsn = isQuorum ? positionOf(o) : null;
  return readySuccessors(o, view, {
    answers: o.peers.answers,
    limits: { requiredLsn, leaderLsn: null },
  }).length > 0;
}

function positionOf(o: Observation): Lsn | null {
  const own = replicaOf(o);
  return own === null ? null : ownPosition(own);
}

/** Who of the others could lead next, whoever was named. */
function readyOthers(
  o: Observation,
  request: FailoverRequest,
): readonly MemberName[] {
  const view = { ...viewOf(o), failover: { ...request, candidate: null } };
  // Nobody gets the votes in quorum mode who lacks what the old leader has.
  const requiredLsn = isQuorumRace(o, view) ? positionOf(o) : null;
  // Before they are counted: a candidate that is not ready has no vote either.
  return readySuccessors(o, view, {
    answers: answersOf(o).filter(({ name }) => name !== request.candidate),
    limits: { requiredLsn, leaderLsn: null },
  });
}
