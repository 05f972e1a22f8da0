/**
 * The right to lead as this member may rely on it: counted from before the
 * renewal was sent, never from the answer.
 */
import type { Moment } from "../base/units.ts";

/** What this member knows of its own lease. */
export interface LeaseView {
  /**
   * Until when this member may act as leader: moment before sending the last
   * successful renewal + TTL - drift allowance. Null: never held, or lost.
   */
  readonly deadline: Moment | null;
  /** A renewal or bid succeeded in this very cycle. */
  readonly isFresh: boolean;
  /** The outcome of this cycle's bid for the free leader key. */
  readonly bid: "none" | "lost";
  /**
   * Who backs the deadline: the store, by a renewal; or all members of the
   * failsafe map, by their word while the store is away (docs/contract/ha.md 12).
   */
  readonly source: "store" | "failsafe";
  /** What the failsafe members answered in this very cycle. */
  readonly cover: "not_asked" | "granted" | "refused";
}
