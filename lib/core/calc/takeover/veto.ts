/**
 * How a leader that lives answers pledges against it: it takes them out of the
 * store, each by its revision, so that a take that counted them fails. And it
 * keeps its voters meanwhile, who no longer stream because they pledged.
 */
import { type Moment, remainingMs } from "../../base/units.ts";
import type { MemberName } from "../../model/member.ts";
import { countPledges, type StandingPledge } from "./count_pledges.ts";
import type { TakeoverView } from "./count_pledges.ts";

/** Voters need this long to see the veto, connect and be seen again. */
const RETURN_MS = 2_000;

/** The entries that the leader empties; none for whoever does not lead. */
export function vetoesOf(
  view: TakeoverView,
  self: MemberName,
): readonly StandingPledge[] {
  const count = countPledges(view);
  return count === null || count.holder !== self ? [] : count.counted;
}

/**
 * Whether the leader may drop voters that do not stream: not while pledges of its
 * term stand, and not before those who withdrew could come back. A suspicion
 * alone must not make commits asynchronous.
 *
 * @param seenAt When a pledge of this term stood last; null: never.
 */
export function mayDropVoters(
  seenAt: Moment | null,
  { now, vetoTimeMs }: { readonly now: Moment; readonly vetoTimeMs: number },
): boolean {
  return seenAt === null ||
    remainingMs(now, seenAt) >= vetoTimeMs + RETURN_MS;
}
