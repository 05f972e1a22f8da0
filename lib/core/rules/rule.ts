/**
 * The shape of a rule: a numbered row that matches an observation or passes it on.
 */
import type { Decision } from "../model/decision.ts";
import type { Observation } from "../model/observation.ts";

/** One row. Ids are spaced by ten inside a section, so that one can be put between. */
export interface Rule {
  readonly id: `R${number}`;
  /** One sentence; printed in docs/rules.md. */
  readonly why: string;
  /** The decision, or null to pass on to the next row. */
  readonly match: (o: Observation) => Decision | null;
}

/** A section: the question that chooses it, and its rows; the last row always matches. */
export interface Section {
  readonly name: string;
  readonly question: string;
  readonly rules: readonly Rule[];
}
