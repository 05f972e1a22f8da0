/**
 * The sync key is honest if every `quorum + 1` of its voters, the leader not
 * counted, include one that has all commits that were ever acknowledged. This is
 * the rule that a write of the key must obey to stay so; nothing is assumed.
 */
import type { MemberName } from "../../model/member.ts";

/** Who votes, and how many votes a candidate needs besides its own. */
export interface Vote {
  readonly quorum: number;
  readonly voters: readonly MemberName[];
}

/**
 * True if a key that was honest stays so.
 *
 * One of three must hold. So few of the new voters are unconfirmed that
 * `quorum + 1` of them include a confirmed one. Or any `quorum + 1` of them
 * without a confirmed one are, but for those who are new, as many old voters as
 * the old key asked for. Or nobody votes.
 *
 * @param before The key as it is. Its leader has what was acknowledged in its
 * term, so it counts as an old voter for the next leader.
 * @param confirmed Members that have every commit that was acknowledged before
 * the names that commits wait for now were in force.
 *
 * @example
 * ```ts
 * import { isHonestWrite } from "./honest_key.ts";
 * const before = { leader: "a", quorum: 1, voters: ["b", "c"] };
 * const after = { quorum: 0, voters: ["c"] };
 * if (isHonestWrite(before, after, [])) throw new Error("b alone may have it");
 * if (!isHonestWrite(before, after, ["c"])) throw new Error("c has it all");
 * ```
 */
export function isHonestWrite(
  before: Vote & { readonly leader: MemberName | null },
  after: Vote,
  confirmed: readonly MemberName[],
): boolean {
  const { voters, quorum } = after;
  if (voters.length === 0) return true;
  const unconfirmed = voters.filter((name) => !confirmed.includes(name));
  if (quorum >= unconfirmed.length) return true;
  const old = [...before.voters, before.leader];
  const fresh = unconfirmed.filter((name) => !old.includes(name));
  return before.voters.length > 0 && quorum - fresh.length >= before.quorum;
}
