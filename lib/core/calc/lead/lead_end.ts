/**
 * How the last lead ended, from what members tell of their decisions: who gave
 * it and why, or, where nobody did, how the old leader looked to the new one.
 */
import type { MemberName } from "../../model/member.ts";
import type { ToldDecision } from "../../model/told_decision.ts";

/** The change that is asked about. */
export interface LeadChange {
  /** Those who lost the race have bid as well; null: unknown. */
  readonly winner: MemberName | null;
  /** Who led before, as the history has it; null: unknown. */
  readonly before: MemberName | null;
  /** As decisions tell their times; who stepped down until then did so for the change before. Null: there was none, or nobody knows. */
  readonly previousAt: string | null;
}

/** How the lead ended. */
export type LeadEnd =
  /** The old leader decided it, and tells. */
  | { readonly kind: "given"; readonly decision: ToldDecision }
  /** An operator asked for it; the old leader does not tell any more. */
  | { readonly kind: "requested"; readonly former: MemberName }
  /** The agent stopped in order and gave the key back. */
  | { readonly kind: "stopped"; readonly former: MemberName }
  /** The winner found the old leader silent. */
  | {
    readonly kind: "silent";
    readonly former: MemberName;
    readonly detail: string;
  }
  /** The old leader's agent answered the winner, but its key was gone. */
  | {
    readonly kind: "key_lost";
    readonly former: MemberName;
    readonly formerRole: "primary" | "replica";
  }
  /** Nobody who answers knows; `former`: its agent began after the change. */
  | { readonly kind: "unknown"; readonly former: MemberName | null };

/** The end of the last lead, and the bid that won after it; null: nobody tells of one. */
export interface LeadChangeTold {
  readonly end: LeadEnd;
  readonly taken: ToldDecision | null;
}

const STOPPED_STATES: readonly unknown[] = ["stopping", "stopped"];

/** How the last lead ended, and who took it over. */
export function leadChange(
  told: readonly ToldDecision[],
  change: LeadChange,
): LeadChangeTold {
  const taken = latest(
    told.filter(({ kind, member }) =>
      (kind === "acquire_lease" || kind === "take_lease") &&
      (change.winner === null || member === change.winner)
    ),
  );
  const former = formerOf(taken, change);
  const given = latest(
    told.filter((each) =>
      isGiving(each) && each.member !== taken?.member &&
      (former === null || each.member === former) &&
      (taken === null || each.lastAt <= taken.lastAt) &&
      (change.previousAt === null || each.lastAt > change.previousAt)
    ),
  );
  const end: LeadEnd = given !== null
    ? { kind: "given", decision: given }
    : endSeenBy(taken, former) ?? { kind: "unknown", former };
  return { end, taken };
}

/** A demotion is a task; the agent that ends itself gives the lead up as well. */
function isGiving({ kind, task }: ToldDecision): boolean {
  return kind === "release_lease" || kind === "exit" ||
    (kind === "start_task" && task === "demote");
}

function formerOf(
  taken: ToldDecision | null,
  { before }: LeadChange,
): MemberName | null {
  const seen = taken?.facts["former"];
  return typeof seen === "string" ? seen : before;
}

function endSeenBy(
  taken: ToldDecision | null,
  former: MemberName | null,
): LeadEnd | null {
  if (taken === null || former === null) return null;
  const { formerState, formerAnswer, candidate, requestedFrom } = taken.facts;
  if (candidate != null || requestedFrom != null) {
    return { kind: "requested", former };
  }
  if (STOPPED_STATES.includes(formerState)) return { kind: "stopped", former };
  if (formerAnswer === "primary" || formerAnswer === "replica") {
    return { kind: "key_lost", former, formerRole: formerAnswer };
  }
  return typeof formerAnswer === "string"
    ? { kind: "silent", former, detail: formerAnswer }
    : null;
}

function latest(told: readonly ToldDecision[]): ToldDecision | null {
  return told.toSorted((one, other) => one.lastAt < other.lastAt ? -1 : 1)
    .at(-1) ?? null;
}
