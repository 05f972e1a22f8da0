/**
 * Who of those that pledged may take over: those with the highest position. One
 * of the counted has every acknowledged commit, so the highest has.
 */
import type { MemberName } from "../../model/member.ts";
import { compareWalEnds } from "../../model/pledge.ts";
import type { PledgeCount } from "./count_pledges.ts";

/** Members with the highest position of all counted; none while too few pledged. */
export function takersOf(
  { counted, needed }: Pick<PledgeCount, "counted" | "needed">,
): readonly MemberName[] {
  if (counted.length < needed) return [];
  return counted.filter(({ pledge }) =>
    counted.every((other) => compareWalEnds(pledge, other.pledge) >= 0)
  ).map(({ name }) => name);
}
