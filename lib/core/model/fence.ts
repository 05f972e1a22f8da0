/**
 * What the fence hears of the agent and sees of the instance. The fence lives in
 * the proxy process and takes away what an agent that is dead or frozen cannot
 * give up itself; it never promotes and never takes the lock.
 */
import type { Moment } from "../base/units.ts";
import type { Vip } from "./vip.ts";

/** Part of each heartbeat: what there would be to fence. */
export interface FenceWord {
  /**
   * `may_become_primary`: it is not primary, but the agent holds the lease and
   * may have begun to promote or start it.
   */
  readonly instance: "primary" | "may_become_primary" | "other";
  readonly isPaused: boolean;
  /** The agent is stopping the instance itself. */
  readonly isStandingDown: boolean;
  /** Time reserved for the stop at the end of a lease. */
  readonly stopBudgetMs: number;
  /** Revision of the leader key as this agent wrote it, decimal; null: not known. */
  readonly leaderRevision: string | null;
  /** Addresses that only a primary carries. */
  readonly vips: readonly Vip[];
}

/** The agent as the fence knows it after its last heartbeat. */
export interface FencedAgent {
  readonly pid: number;
  readonly word: FenceWord;
  /** End of its lease as last heard; null: never heard of one. */
  readonly deadline: Moment | null;
  /** Since when its socket is closed; null: it is open, the agent is alive or frozen. */
  readonly goneSince: Moment | null;
}

/**
 * The local instance, as its files and the process table show it.
 *
 * - down: neither a postmaster nor an orphaned process of it
 * - standby: it runs, with standby.signal in its data directory
 * - running: anything else that may be writable
 */
export type FencedInstance = "down" | "standby" | "running";

/** How hard an instance is stopped. */
export type FenceStopMode = "fast" | "immediate" | "kill";
