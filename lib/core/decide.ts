/**
 * The decision: one observation in, one decision out. First match of EARLY, else
 * first match of the one section that three questions choose: is the store
 * reachable, is there a leader, is it me. No I/O, no clock, no memory of its own.
 */
import { invariant } from "./base/invariant.ts";
import type { Decision } from "./model/decision.ts";
import { leadOf, type Observation } from "./model/observation.ts";
import { BOOTSTRAP } from "./rules/bootstrap.ts";
import { DCS_LOSS } from "./rules/dcs_loss.ts";
import { EARLY } from "./rules/early.ts";
import { FOLLOWER } from "./rules/follower.ts";
import { LEADER } from "./rules/leader.ts";
import { RACE } from "./rules/race.ts";
import type { Rule, Section } from "./rules/rule.ts";

const LOSS_SECTION: Section = {
  name: "DCS_LOSS",
  question: "The store is unreachable.",
  rules: DCS_LOSS,
};
const LEADER_SECTION: Section = {
  name: "LEADER",
  question: "The leader is this member.",
  rules: LEADER,
};
const FOLLOWER_SECTION: Section = {
  name: "FOLLOWER",
  question: "The leader is another member.",
  rules: FOLLOWER,
};
const NO_LEADER_SECTION: Section = {
  name: "NO_LEADER",
  question: "There is no leader.",
  rules: [...BOOTSTRAP, ...RACE],
};

/** All sections in the order in which they are asked; docs/rules.md is made from it. */
export const SECTIONS: readonly Section[] = [
  { name: "EARLY", question: "Asked before all others.", rules: EARLY },
  NO_LEADER_SECTION,
  LEADER_SECTION,
  FOLLOWER_SECTION,
  LOSS_SECTION,
];

/** A decision and the row that made it. */
export interface Ruling {
  readonly rule: Rule["id"];
  readonly decision: Decision;
}

/** What to do now. */
export function decide(o: Observation): Ruling {
  const early = firstMatch(EARLY, o);
  if (early !== null) return early;
  const ruling = firstMatch(sectionOf(o).rules, o);
  invariant(ruling !== null, "each section ends in an unconditional row", {
    section: sectionOf(o).name,
  });
  return ruling;
}

function sectionOf(o: Observation): Section {
  if (o.dcs.kind === "unreachable") return LOSS_SECTION;
  switch (leadOf(o)) {
    case "nobody":
      return NO_LEADER_SECTION;
    case "self":
      return LEADER_SECTION;
    case "other":
      return FOLLOWER_SECTION;
  }
}

function firstMatch(rules: readonly Rule[], o: Observation): Ruling | null {
  for (const rule of rules) {
    const decision = rule.match(o);
    if (decision !== null) return { rule: rule.id, decision };
  }
  return null;
}
