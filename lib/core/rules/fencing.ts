/**
 * FENCING: another member leads and seems to be lost, and no pledges can prove
 * that it is gone: its host is fenced by a program, or was. One member at a time
 * may, by a claim in the store; whoever would win a race takes over what is off
 * (lib/core/calc/takeover/fencing_step.ts).
 */
import { claimOf, fencingWrite } from "../calc/takeover/fencing_claim.ts";
import {
  type FencingStep,
  fencingStep,
} from "../calc/takeover/fencing_step.ts";
import { LOSE_REASONS } from "../calc/lead/candidates.ts";
import { isFresh } from "../model/lease_view.ts";
import { UNLOCKED } from "./follower.ts";
import { primaryOf, startTask, viewOf, waitShortly } from "./parts.ts";
import type { Rule } from "./rule.ts";

/** Whether the section is asked. */
export function isFencingDue(o: Parameters<typeof fencingStep>[0]): boolean {
  return fencingStep(o) !== null;
}

/** The rows; asked only while {@link isFencingDue}. */
export const FENCING: readonly Rule[] = [
  UNLOCKED,
  {
    id: "R965",
    why:
      "Who would have the leader's host ended, or take over after that, compares itself with the others first, as in any race.",
    decides: ["ask_peers leader_suspected", "ask_peers leader_fenced"],
    match: (o) => {
      const step = stepOf(o, "ask_peers");
      if (step === null) return null;
      const { reason, members } = step;
      return { kind: "ask_peers", reason, members };
    },
  },
  {
    id: "R968",
    why:
      "Who is not the one to lead, or whose claim the leader took away, lets its suspicion rest: each time for longer.",
    decides: [
      "rest_suspicion vetoed",
      ...LOSE_REASONS.map((reason) => `rest_suspicion ${reason}` as const),
    ],
    match: (o) => {
      const step = stepOf(o, "drop");
      if (step === null) return null;
      const { reason, facts } = step;
      return { kind: "rest_suspicion", reason, facts };
    },
  },
  {
    id: "R970",
    why:
      "Nothing is claimed, fenced or taken but on what the store itself shows now.",
    decides: ["look_afresh fencing_due"],
    match: (o) =>
      stepOf(o, "look_afresh") === null
        ? null
        : { kind: "look_afresh", reason: "fencing_due" },
  },
  {
    id: "R975",
    why:
      "One member at a time may fence, by a claim that stands in the store; what came of it is written there, too.",
    decides: [
      "write_fencing leader_suspected",
      "write_fencing attempt_failed",
      "write_fencing host_fenced",
      "write_fencing given_up",
      "write_fencing withdrawn",
      "write_fencing vetoed",
    ],
    match: (o) => {
      const step = stepOf(o, "write");
      if (step === null) return null;
      const { reason, write } = step;
      return { kind: "write_fencing", reason, write };
    },
  },
  {
    id: "R980",
    why:
      "The program runs when a leader that lives had its time to object, and is still silent.",
    decides: ["fence leader_suspected"],
    match: (o) => {
      const step = stepOf(o, "run");
      return step === null ? null : startTask(step.task, "leader_suspected");
    },
  },
  {
    id: "R985",
    why:
      "Of those who are left the one that would win a race takes the key of a leader whose host is off.",
    decides: ["take_fenced_lease leader_fenced"],
    match: (o) => {
      const step = stepOf(o, "take");
      return step === null ? null : {
        kind: "take_fenced_lease",
        reason: "leader_fenced",
        take: step.take,
      };
    },
  },
  {
    id: "R990",
    why:
      "A claim waits for objections, and between two runs of its program; who would lose the race waits for the winner.",
    decides: [
      "wait veto_awaited",
      "wait back_off",
      ...LOSE_REASONS.map((reason) => `wait ${reason}` as const),
    ],
    match: (o) => {
      const step = stepOf(o, "wait");
      return step === null
        ? null
        : waitShortly(step.reason, step.facts, step.againInMs);
    },
  },
];

/** For a leader, directly after the renewal. */
export const FENCING_VETO: Rule = {
  id: "R411",
  why:
    "A leader that lives, and whose lease was renewed just now, objects to the claim to fence it.",
  decides: ["write_fencing leader_lives"],
  match: (o) => {
    const view = viewOf(o);
    const claim = claimOf(view);
    const isOpen = claim?.state === "claimed" || claim?.state === "fenced";
    const isOwn = claim?.host === o.self && primaryOf(o) !== null;
    if (!isOpen || !isOwn || !isFresh(o.lease)) return null;
    const write = fencingWrite(view, { claim: { ...claim, state: "vetoed" } });
    return { kind: "write_fencing", reason: "leader_lives", write };
  },
};

function stepOf<K extends FencingStep["kind"]>(
  o: Parameters<typeof fencingStep>[0],
  kind: K,
): Extract<FencingStep, { kind: K }> | null {
  const step = fencingStep(o);
  return step !== null && isOfKind(step, kind) ? step : null;
}

function isOfKind<K extends FencingStep["kind"]>(
  step: FencingStep,
  kind: K,
): step is Extract<FencingStep, { kind: K }> {
  return step.kind === kind;
}
