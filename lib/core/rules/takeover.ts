/**
 * TAKEOVER: another member leads, and this one has promised in its term to take
 * no more WAL from it, or wants to, or takes that back. Every step rests on what
 * the step before has made sure of (lib/core/calc/takeover/pledge_step.ts).
 */
import {
  isFreshViewNeeded,
  ownPledgeStep,
} from "../calc/takeover/own_pledge.ts";
import { takingOf } from "../calc/takeover/taking.ts";
import { vetoesOf } from "../calc/takeover/veto.ts";
import { isFresh } from "../model/lease_view.ts";
import type { Decision } from "../model/decision.ts";
import type { Observation } from "../model/observation.ts";
import type { PledgeReason } from "../model/takeover_decision.ts";
import { primaryOf, startAsStandby, viewOf, waitShortly } from "./parts.ts";
import { UNLOCKED } from "./follower.ts";
import type { Outcome, Rule } from "./rule.ts";

/** A voter that waits for others looks again after that time, in case a change was missed. */
const LOOK_AGAIN_MS = 500;

const REASONS: readonly PledgeReason[] = [
  "leader_suspected",
  "vetoed",
  "withdrawn",
  "term_over",
  "record_missing",
  "caught_up",
];

const RECORDS: readonly Outcome[] = REASONS.map((reason) =>
  `write_pledge_record ${reason}` as const
);

const ENTRIES: readonly Outcome[] = REASONS.filter((reason) =>
  reason !== "caught_up" && reason !== "term_over"
).map((reason) => `write_pledge ${reason}` as const);

/** Whether the section is asked. */
export function isPledgeDue(o: Observation): boolean {
  return ownPledgeStep(o) !== null;
}

/** First of all, wherever the own pledge is dealt with. */
const LOOK_AFRESH: Rule = {
  id: "R910",
  why:
    "A record of a pledge, or none at all, is judged by what the store itself shows after it was read.",
  decides: ["look_afresh pledge_stands"],
  match: (o) =>
    isFreshViewNeeded(o)
      ? { kind: "look_afresh", reason: "pledge_stands" }
      : null,
};

const WRITE_RECORD: Rule = {
  id: "R920",
  why:
    "The record on the own disk is the first that a pledge writes and the last that is taken back.",
  decides: RECORDS,
  match: (o) => {
    const own = ownPledgeStep(o);
    return own?.step.kind === "write_record"
      ? {
        kind: "write_pledge_record",
        reason: own.reason,
        record: own.step.record,
      }
      : null;
  },
};

const WRITE_ENTRY: Rule = {
  id: "R950",
  why:
    "The entry in the store is written once no WAL can come in, and is empty again before any may.",
  decides: ENTRIES,
  match: (o) => {
    const own = ownPledgeStep(o);
    if (own?.step.kind !== "write_entry") return null;
    const { pledge, guard } = own.step;
    return { kind: "write_pledge", reason: own.reason, pledge, guard };
  },
};

/** The rows; asked only while {@link isPledgeDue}. */
export const TAKEOVER: readonly Rule[] = [
  UNLOCKED,
  LOOK_AFRESH,
  WRITE_RECORD,
  {
    id: "R930",
    why:
      "Who has promised starts without an upstream: what comes in could still be acknowledged.",
    decides: ["start instance_down", "wait back_off"],
    match: (o) =>
      isSourceAsked(o) && o.postgres.kind === "stopped"
        ? startAsStandby(o, null, "instance_down")
        : null,
  },
  {
    id: "R940",
    why:
      "The upstream is taken away, and it is proven that nobody receives WAL any more, before the entry says so.",
    decides: ["close_source leader_suspected", "wait position_unknown"],
    match: closeSource,
  },
  WRITE_ENTRY,
  {
    id: "R960",
    why:
      "Of those that pledged the one with the highest position takes the key, if the leader did not object in its time.",
    decides: [
      "take_lease leader_lost",
      "wait pledge_stands",
      "wait veto_awaited",
      "wait position_unknown",
      "wait nofailover",
      "wait watchdog_failed",
      "wait pre_promote_failed",
      "wait not_in_failsafe_map",
      "wait timeline_behind",
    ],
    match: takeOver,
  },
];

/** For a leader, directly after the renewal. */
export const VETO: Rule = {
  id: "R412",
  why:
    "A leader that lives, and whose lease was renewed just now, takes the pledges against it back.",
  decides: ["veto_pledges leader_lives"],
  match: (o) => {
    const vetoed = primaryOf(o) !== null && isFresh(o.lease)
      ? vetoesOf(viewOf(o), o.self)
      : [];
    const pledges = vetoed.map(({ name, revision }) => ({ name, revision }));
    return pledges.length === 0
      ? null
      : { kind: "veto_pledges", reason: "leader_lives", pledges };
  },
};

/** For a leader that is a primary. */
export const SETTLED: Rule = {
  id: "R413",
  why:
    "A leader has everything by its own right: what it recorded or promised before it led is over.",
  decides: [...LOOK_AFRESH.decides, ...RECORDS, ...ENTRIES],
  match: (o) =>
    LOOK_AFRESH.match(o) ?? WRITE_RECORD.match(o) ?? WRITE_ENTRY.match(o),
};

function isSourceAsked(o: Observation): boolean {
  const step = ownPledgeStep(o)?.step;
  return step?.kind === "close_source" ||
    step?.kind === "hold" && step.reason === "position_unknown";
}

/** Asked again where the position is not known: a standby may not have read to its end. */
function closeSource(o: Observation): Decision | null {
  if (!isSourceAsked(o)) return null;
  return o.postgres.kind === "running"
    ? { kind: "close_source", reason: "leader_suspected" }
    : waitShortly("position_unknown", {}, LOOK_AGAIN_MS);
}

function takeOver(o: Observation): Decision {
  const taking = takingOf(o, viewOf(o));
  if (taking.kind === "take") {
    return { kind: "take_lease", reason: "leader_lost", take: taking.take };
  }
  const { reason, againInMs } = taking;
  return againInMs === null
    ? waitShortly(reason, {}, LOOK_AGAIN_MS)
    : waitShortly(reason, {}, againInMs);
}
