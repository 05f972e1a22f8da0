/**
 * Taking over the key of a lost leader before its lease has ended: one write of
 * the store, with everything that it rests on as conditions.
 */
import type { MemberName } from "../../model/member.ts";
import type { Take } from "../../model/takeover_decision.ts";
import { takersOf } from "./choose_taker.ts";
import {
  countPledges,
  type PledgeCount,
  type TakeoverView,
} from "./count_pledges.ts";

/** Null: `self` may not take over on this view. */
export function takeOf(view: TakeoverView, self: MemberName): Take | null {
  const count = countPledges(view);
  const { sync, config } = view;
  if (count === null || sync.revision === null || config === null) return null;
  if (!takersOf(count).includes(self)) return null;
  return {
    leader: self,
    term: count.term,
    syncRevision: sync.revision,
    configRevision: config.revision,
    pledges: count.counted.map(({ name, revision }) => ({ name, revision })),
    sync: votersAfter(view, count, self),
  };
}

/**
 * Who votes after the take. With quorum 0 each of the others has everything. With
 * a quorum the lost leader stands in for the new one: any `quorum + 1` of them
 * without it are old voters and have what was acknowledged in its term, and it
 * has that itself. What the new leader acknowledges waits for voters - quorum of
 * them; where so few others pledged that commits would hang, nobody votes.
 */
function votersAfter(
  { sync }: TakeoverView,
  { counted, holder }: PledgeCount,
  self: MemberName,
): Take["sync"] {
  const others = sync.standbys.filter((name) => name !== self);
  if (sync.quorum === 0) return { quorum: 0, standbys: others };
  const acknowledging = sync.standbys.length - sync.quorum;
  return counted.length - 1 >= acknowledging
    ? { quorum: sync.quorum, standbys: [...others, holder].sort() }
    : { quorum: 0, standbys: [] };
}
