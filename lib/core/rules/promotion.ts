/**
 * Rows of a replica that holds the leader key: whether it may become primary, and
 * what comes before that.
 */
import { leaseRemainingMs, promoteBudgetMs } from "../calc/lead/budgets.ts";
import {
  compareInRace,
  isForcedCandidate,
  isQuorumRace,
  racePeers,
  runnerOf,
} from "../calc/lead/candidates.ts";
import { planBeforePromotion } from "../calc/sync/sync_standbys.ts";
import type { Decision } from "../model/decision.ts";
import type { Observation } from "../model/observation.ts";
import { clear } from "./operator.ts";
import {
  answersOf,
  askPeers,
  isPromotionBarred,
  pauseAfterFailure,
  release,
  replicaOf,
  startTask,
  viewOf,
  waitShortly,
} from "./parts.ts";
import type { Rule } from "./rule.ts";

/** The rows, after those that keep the lease. */
export const PROMOTION: readonly Rule[] = [
  {
    id: "R485",
    why:
      "In pause a leader that is no primary, and is not to become one, gives the key away.",
    decides: ["release_lease not_primary_in_pause"],
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
    decides: ["clear_failover promotion_failed"],
    match: (o) => {
      const request = viewOf(o).failover;
      return replicaOf(o) !== null && isPromotionBarred(o) &&
          request?.candidate === o.self
        ? clear(request, "promotion_failed")
        : null;
    },
  },
  {
    id: "R487",
    why: "A holder of the key whose pre_promote script failed gives it back.",
    decides: ["release_lease pre_promote_failed"],
    match: (o) =>
      replicaOf(o) !== null && isPromotionBarred(o)
        ? release("pre_promote_failed")
        : null,
  },
  {
    id: "R488",
    why:
      "In quorum mode the votes are counted again with the key in hand: the bid may have rested on old answers.",
    decides: ["ask_peers votes_recounted", "release_lease not_synchronous"],
    match: countVotesAgain,
  },
  {
    id: "R490",
    why: "A promotion begins only if the rest of the lease covers it.",
    decides: ["wait lease_too_short"],
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
    decides: [
      "write_sync synchronous_enabled",
      "set_synchronous_standbys before_promotion",
      "delete_sync synchronous_disabled",
    ],
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
    decides: ["promote lease_acquired", "wait back_off"],
    match: (o) =>
      replicaOf(o) === null ? null : pauseAfterFailure(o, "promote") ??
        startTask({ kind: "promote" }, "lease_acquired"),
  },
];

function countVotesAgain(o: Observation): Decision | null {
  const view = viewOf(o);
  if (replicaOf(o) === null || !isQuorumRace(o, view)) return null;
  // The pledges were counted by the very write that took the key.
  if (o.memory.takeover.takenTerm === view.leader?.revision) return null;
  if (isForcedOn(o)) return null;
  const question = askPeers(o, racePeers(o, view), "votes_recounted");
  if (question !== null) return question;
  const verdict = compareInRace(runnerOf(o), view, {
    answers: answersOf(o),
    options: { isLagChecked: false, isRanked: false, ignored: [] },
  });
  return verdict.kind === "win" ? null : release("not_synchronous");
}

/** An operator wants this member to lead, whatever it lacks. */
export function isForcedOn(o: Observation): boolean {
  return isForcedCandidate(viewOf(o), o.self);
}
