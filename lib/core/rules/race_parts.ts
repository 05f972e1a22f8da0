/**
 * What the rows of a race share: bids, questions, and the comparison with the
 * answers.
 */
import {
  compareInRace,
  LOSE_REASONS,
  racePeers,
  runnerOf,
} from "../calc/lead/candidates.ts";
import { vacancyOf } from "../model/cluster_view.ts";
import type { Outcome } from "./rule.ts";
import type { AcquireReason, Decision } from "../model/decision.ts";
import type { Observation } from "../model/observation.ts";
import { answersOf, askPeers, viewOf, waitShortly } from "./parts.ts";

/** A peer race is repeated after that time, in case nobody bid. */
export const RACE_AGAIN_MS = 1_000;

/** How a comparison that was lost rests. */
export const LOST: readonly Outcome[] = LOSE_REASONS.map((reason) =>
  `wait ${reason}` as const
);

/** Bids for the free key. */
export function acquire(o: Observation, reason: AcquireReason): Decision {
  return { kind: "acquire_lease", reason, vacancy: vacancyOf(viewOf(o)) };
}

/** Asks all that a race must hear; null: they were asked, or there are none. */
export function askRivals(o: Observation): Decision | null {
  return askPeers(o, racePeers(o, viewOf(o)), "no_leader");
}

/**
 * Bids if no answer stands against it, else waits.
 *
 * @param race `ignored`: they do not lead next; `reason`: of the bid.
 */
export function compare(
  o: Observation,
  race: {
    readonly ignored: readonly string[];
    readonly reason: AcquireReason;
  },
): Decision {
  const { ignored, reason } = race;
  const isNamed = viewOf(o).failover?.candidate === o.self;
  const verdict = compareInRace(runnerOf(o), viewOf(o), {
    answers: answersOf(o),
    options: {
      isLagChecked: ignored.length === 0,
      isRanked: !isNamed,
      ignored,
    },
  });
  return verdict.kind === "win"
    ? acquire(o, reason)
    : waitShortly(verdict.reason, verdict.facts, RACE_AGAIN_MS);
}
