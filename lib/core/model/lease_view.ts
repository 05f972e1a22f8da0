/**
 * The right to lead as this member may rely on it: counted from before the
 * renewal was sent, never from the answer.
 */
import type { Moment } from "../base/units.ts";

/** What this member knows of its own lease. */
export type LeaseView =
  /** It holds none. */
  | { readonly kind: "none" }
  | HeldLease
  /** Somebody else got the free leader key in this cycle. */
  | { readonly kind: "outbid" }
  /** The store refused a renewal in this cycle: the leader key is not ours any more. */
  | { readonly kind: "lost" }
  /** Given away by this member in this cycle. */
  | { readonly kind: "released" };

/** A lease that was granted; it may have passed since. */
export interface HeldLease {
  readonly kind: "held";
  /**
   * Until when this member may act as leader: moment before sending the last
   * successful renewal + TTL - drift allowance.
   */
  readonly deadline: Moment;
  /** A renewal or bid succeeded in this very cycle. */
  readonly isFresh: boolean;
  /**
   * Who backs the deadline: the store, by a renewal; or all members of the
   * failsafe map, by their word while the store is away (docs/contract/ha.md 12).
   */
  readonly source: "store" | "failsafe";
  /** What the failsafe members answered in this very cycle. */
  readonly cover: "not_asked" | "granted" | "refused";
}

/** The end of the lease; null: none is held. */
export function deadlineOf(lease: LeaseView): Moment | null {
  return lease.kind === "held" ? lease.deadline : null;
}

/** The lease was renewed or won in this very cycle. */
export function isFresh(lease: LeaseView): boolean {
  return lease.kind === "held" && lease.isFresh;
}

/**
 * The lease later in the same cycle: what happened to it in this cycle stays
 * known.
 *
 * @param now As its keeper has it.
 */
export function laterInCycle(before: LeaseView, now: LeaseView): LeaseView {
  if (now.kind === "held") {
    return before.kind === "held"
      ? { ...now, isFresh: before.isFresh, cover: before.cover }
      : now;
  }
  return before.kind === "held" ? now : before;
}
