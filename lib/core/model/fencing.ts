/**
 * Fencing: a member that cannot prove by pledges that its leader is gone has a
 * program end that leader's host. One key of the scope says who may, so that no
 * two do it at once, and what came of it.
 */
import type { Moment, Revision } from "../base/units.ts";
import type { MemberName } from "./member.ts";

/** What the local configuration says of the program; who has none fences nobody. */
export interface FencingOrders {
  /** For one run of the program, in milliseconds. */
  readonly timeoutMs: number;
  /** Runs against one term of a leader. */
  readonly attemptsMax: number;
  /** Runs that the scope may have seen within an hour; then the lease decides. */
  readonly hourlyMax: number;
}

/** How far a claim is. */
export type FencingState =
  /** Its owner runs the program, or is about to. */
  | "claimed"
  /**
   * The leader objects. Nobody else may claim until its owner has let it go, or
   * is silent for too long: its program may still run.
   */
  | "vetoed"
  /** The program has proven that the host is off: in this term nobody leads. */
  | "fenced"
  /** The program has failed as often as it may: its owner leaves it at that. */
  | "failed";

/** The right of one member to fence the leader of one term. */
export interface FencingClaim {
  readonly term: Revision;
  /** The leader of that term. */
  readonly host: MemberName;
  readonly by: MemberName;
  /** From 1 on. */
  readonly attempt: number;
  /** Who has seen it unchanged for longer may put another in its place. */
  readonly holdMs: number;
  readonly state: FencingState;
}

/** A run of the program, as far as anybody knows. */
export interface PastFencing {
  readonly host: MemberName;
  readonly by: MemberName;
  /** Wall clock, milliseconds since the epoch. */
  readonly atMs: number;
  readonly result: "done" | "failed" | "unknown";
}

/**
 * The key `fencing`. Each write names the revision that it replaces, and it is
 * never deleted.
 */
export interface FencingKey {
  /** Null: none, or one that cannot be read. */
  readonly claim: FencingClaim | null;
  /** The last ones, oldest first. */
  readonly past: readonly PastFencing[];
  readonly revision: Revision;
}

/** What must be remembered of the claim between cycles; all of one term. */
export interface FencingMemory {
  /** The claim of this term, and when it was seen first. */
  readonly seen: { readonly revision: Revision; readonly at: Moment } | null;
  /**
   * Before the own claim, as it stands, was sent; null: this life of the agent
   * has none.
   */
  readonly claimedAt: Moment | null;
}

/** Nothing of that. */
export const NO_FENCING: FencingMemory = { seen: null, claimedAt: null };

/** Why the key is written. */
export type FencingReason =
  | "leader_suspected"
  | "attempt_failed"
  | "host_fenced"
  | "given_up"
  | "withdrawn"
  | "vetoed"
  | "leader_lives";
