/**
 * Failsafe mode between members: what one that is asked answers to a leader that
 * goes on without the store, how long the leader waits for answers, and what they
 * come to.
 *
 * Source: docs/contract/ha.md 12.
 */
import { type Moment, remainingMs } from "../../base/units.ts";
import type {
  FailsafeAnswer,
  FailsafePing,
  FailsafeRefusal,
} from "../../model/failsafe.ts";
import type { MemberName } from "../../model/member.ts";
import type { Observation } from "../../model/observation.ts";
import type { TaskView } from "../../model/task_view.ts";
import { leaseRemainingMs, stopBudgetMs } from "./budgets.ts";
import { type KnownMembers, strangeness } from "./failsafe.ts";

/** One attempt at one member. */
const ATTEMPT_MAX_MS = 2_000;
const ATTEMPT_MIN_MS = 200;

/** The right to lead of a member that is asked. */
export interface OwnLead {
  readonly now: Moment;
  /** Until when it may lead itself; null: it may not. */
  readonly deadline: Moment | null;
  readonly task: TaskView;
}

/** A member that is asked. */
export interface Listener extends OwnLead, KnownMembers {
  readonly self: MemberName;
}

/** What it answers. */
export type ConsentVerdict =
  /** For so long the leader leads as far as this member is concerned. */
  | { readonly kind: "accepted"; readonly ttlMs: number }
  | { readonly kind: "refused"; readonly why: "leading" }
  | {
    readonly kind: "refused";
    readonly why: "stranger";
    readonly detail: string;
  };

/** The member leads itself, or is about to. */
export function isLeadingItself({ now, deadline, task }: OwnLead): boolean {
  return task.kind === "running" && task.task.kind === "promote" ||
    deadline !== null && remainingMs(deadline, now) > 0;
}

/** The answer to `ping`. */
export function judgePing(
  ping: FailsafePing,
  listener: Listener,
): ConsentVerdict {
  if (isLeadingItself(listener) || ping.name === listener.self) {
    return { kind: "refused", why: "leading" };
  }
  const detail = strangeness(ping, listener);
  if (detail !== null) return { kind: "refused", why: "stranger", detail };
  // The leader may not know of a shorter ttl yet.
  const ttlMs = Math.max(listener.ttlMs, ping.ttlMs ?? 0);
  return { kind: "accepted", ttlMs };
}

/** How long one member may take: two attempts must fit before this primary would have to stop. */
export function attemptMs(
  o: Pick<Observation, "lease" | "settings">,
  now: Moment,
): number {
  const leftMs = leaseRemainingMs(o.lease, now) ?? 0;
  const fittingMs = (leftMs - stopBudgetMs(o.settings)) / 2;
  return Math.max(ATTEMPT_MIN_MS, Math.min(ATTEMPT_MAX_MS, fittingMs));
}

/**
 * What the answers come to; null: all agreed.
 *
 * @param since The moment before the first was asked.
 */
export function refusalIn(
  answers: readonly FailsafeAnswer[],
  since: Moment,
): FailsafeRefusal | null {
  const refusals = answers.filter(({ isAccepted }) => !isAccepted);
  return refusals.length === 0
    ? null
    : { since, isByLeader: refusals.some(({ isLeading }) => isLeading) };
}
