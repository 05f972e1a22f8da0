/**
 * The shape of a rule: a numbered row that matches an observation or passes it on.
 */
import type { Decision } from "../model/decision.ts";
import type { LongTask } from "../model/task_view.ts";
import type { Observation } from "../model/observation.ts";

/** One row. Ids are spaced by ten inside a section, so that one can be put between. */
export interface Rule {
  readonly id: `R${number}`;
  /** One sentence; printed in docs/rules.md. */
  readonly why: string;
  /** All that the row can decide; a test holds it to that. */
  readonly decides: readonly Outcome[];
  /** The decision, or null to pass on to the next row. */
  readonly match: (o: Observation) => Decision | null;
}

/** A section: the question that chooses it, and its rows; one of them always matches. */
export interface Section {
  readonly name: string;
  readonly question: string;
  readonly rules: readonly Rule[];
}

/** The kind of a decision, or of the task that it starts, and its reason. */
export type Outcome = OutcomeOf<Decision>;

type OutcomeOf<D extends Decision> = D extends { readonly kind: "start_task" }
  ? `${LongTask["kind"]} ${D["reason"]}`
  : `${D["kind"]} ${D["reason"]}`;

/** What `decision` is in the words of {@link Outcome}. */
export function outcomeOf(decision: Decision): string {
  const kind = decision.kind === "start_task"
    ? decision.task.kind
    : decision.kind;
  return `${kind} ${decision.reason}`;
}
