/**
 * What a voter promises when it believes that its leader is lost: in this term I
 * take no more WAL from that leader. Enough of these prove that the leader can
 * acknowledge nothing any more.
 */
import type { Lsn, Revision } from "../base/units.ts";
import type { MemberName } from "./member.ts";

/** How far a member's WAL goes, on which timeline. */
export interface WalEnd {
  readonly timeline: number;
  readonly lsn: Lsn;
}

/** One promise. */
export interface Pledge extends WalEnd {
  /** The revision of the leader key; another one is another term. */
  readonly term: Revision;
}

/**
 * The key `pledges/<name>`. It is never deleted, and every write of it names the
 * revision that it replaces, so that a late or repeated write revives nothing.
 */
export interface PledgeKey {
  readonly name: MemberName;
  /** Null: none stands. */
  readonly pledge: Pledge | null;
  readonly revision: Revision;
}

/** The same promise on the member's own disk, outside of the data directory. */
export type PledgeRecord =
  /** A new disk: nobody knows what an earlier life has promised. */
  | { readonly kind: "missing" }
  /**
   * Its data was copied, rewound or restored: it may lack what it acknowledged
   * before, until it has caught up with a leader again.
   */
  | { readonly kind: "behind" }
  | { readonly kind: "none" }
  | { readonly kind: "pledged"; readonly term: Revision };

/** Below 0, 0 or above 0, as `a` ends before, with or after `b`. */
export function compareWalEnds(a: WalEnd, b: WalEnd): number {
  if (a.timeline !== b.timeline) return a.timeline - b.timeline;
  if (a.lsn === b.lsn) return 0;
  return a.lsn < b.lsn ? -1 : 1;
}
