/** What an act leaves behind for the rest of the cycle. */
import type { Decision } from "../core/model/decision.ts";
import type { Observation } from "../core/model/observation.ts";

/** Look again soon after a write that somebody else's write came before. */
export const AFTER_CONFLICT_MS = 200;

/** The decision of that kind. */
export type DecisionOf<K extends Decision["kind"]> = Extract<
  Decision,
  { kind: K }
>;

/** How an act ended. */
export type Outcome =
  /** Another round, with this over what still holds. */
  | { readonly kind: "changed"; readonly changes: Partial<Observation> }
  /** The cycle is over; null: rest for loop_wait. */
  | { readonly kind: "rest"; readonly againInMs: number | null };

/** Another round. */
export function changed(changes: Partial<Observation>): Outcome {
  return { kind: "changed", changes };
}
