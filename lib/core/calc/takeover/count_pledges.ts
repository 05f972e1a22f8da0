/**
 * Which pledges count against the present leader, and how many are needed.
 *
 * The sync key promises that every `quorum + 1` of its voters include one with
 * all acknowledged commits. So if that many take no more WAL from the leader, no
 * set of standbys that could acknowledge a commit is left to it.
 */
import type { Revision } from "../../base/units.ts";
import type { ClusterView } from "../../model/cluster_view.ts";
import type { MemberName } from "../../model/member.ts";
import type { Pledge, PledgeKey } from "../../model/pledge.ts";

/** What a takeover rests on: one snapshot that was asked for now. */
export type TakeoverView = Pick<
  ClusterView,
  "leader" | "sync" | "config" | "pledges"
>;

/** An entry whose pledge stands. */
export type StandingPledge = PledgeKey & { readonly pledge: Pledge };

/** The pledges of the leader's term. */
export interface PledgeCount {
  readonly holder: MemberName;
  readonly term: Revision;
  readonly needed: number;
  readonly counted: readonly StandingPledge[];
}

/**
 * Counts by the key's own quorum and never by the mode in the configuration,
 * which may just have been switched. The holder of the leader key never counts.
 *
 * @returns Null: nobody leads, or nobody votes.
 *
 * @example
 * ```ts
 * import { countPledges } from "./count_pledges.ts";
 * const sync = { leader: "a", quorum: 0, standbys: [], revision: null };
 * const view = { leader: null, sync, config: null, pledges: [] };
 * if (countPledges(view) !== null) throw new Error("nobody leads");
 * ```
 */
export function countPledges(view: TakeoverView): PledgeCount | null {
  const { leader, sync, pledges } = view;
  if (leader === null || sync.standbys.length === 0) return null;
  const counted = pledges.filter(isStanding).filter(({ name, pledge }) =>
    pledge.term === leader.revision && name !== leader.name &&
    sync.standbys.includes(name)
  );
  const needed = sync.quorum + 1;
  return { holder: leader.name, term: leader.revision, needed, counted };
}

function isStanding(key: PledgeKey): key is StandingPledge {
  return key.pledge !== null;
}
