/**
 * The decision: one observation in, one decision out. First match of EARLY, else
 * first match of the one section that a few questions choose: is the store
 * reachable, is there a leader, is it me, does a pledge stand, is it to be fenced, and what is the
 * instance here. No I/O,
 * no clock, no memory of its own.
 */
import { invariant } from "./base/invariant.ts";
import type { Decision } from "./model/decision.ts";
import { leadOf, type Observation } from "./model/observation.ts";
import { isFencingDue } from "./rules/fencing.ts";
import { isPledgeDue } from "./rules/takeover.ts";
import type { Rule, Section } from "./rules/rule.ts";
import { SECTION } from "./rules/sections.ts";

/** All sections; docs/rules.md is made from it. */
export const SECTIONS: readonly Section[] = Object.values(SECTION);

/** A decision and the row that made it. */
export interface Ruling {
  readonly rule: Rule["id"];
  readonly decision: Decision;
}

/** What to do now. */
export function decide(o: Observation): Ruling {
  const early = firstMatch(SECTION.early.rules, o);
  if (early !== null) return early;
  const section = sectionOf(o);
  const ruling = firstMatch(section.rules, o);
  invariant(ruling !== null, "in each section a row always matches", {
    section: section.name,
  });
  return ruling;
}

/** The section that is asked after EARLY. */
export function sectionOf(o: Observation): Section {
  if (o.dcs.kind === "unreachable") return SECTION.dcsLoss;
  const role = o.postgres.kind === "running" ? o.postgres.role : "down";
  switch (leadOf(o)) {
    case "other":
      return isPledgeDue(o)
        ? SECTION.takeover
        : isFencingDue(o)
        ? SECTION.fencing
        : SECTION.follower;
    case "nobody":
      return role === "down"
        ? SECTION.noLeaderDown
        : role === "primary"
        ? SECTION.noLeaderPrimary
        : SECTION.race;
    case "self":
      return role === "down"
        ? SECTION.leaderDown
        : role === "primary"
        ? SECTION.leader
        : o.settings.isStandbyCluster
        ? SECTION.standbyLeader
        : SECTION.promotion;
  }
}

function firstMatch(rules: readonly Rule[], o: Observation): Ruling | null {
  for (const rule of rules) {
    const decision = rule.match(o);
    if (decision !== null) return { rule: rule.id, decision };
  }
  return null;
}
