/**
 * The local instance as the fence may treat it: look at it without asking it
 * anything, and stop it. Nothing but processes of this one data directory is
 * ever signalled.
 */
import type { FencedInstance, FenceStopMode } from "../core/model/fence.ts";

/** The local instance as the fence may treat it. */
export interface FencedServer {
  /** Notes who the postmaster is, so that it is found again without its pid file. Costs next to nothing. */
  remember(): Promise<void>;
  /** One look at its files and processes. */
  look(): Promise<FencedInstance>;
  /**
   * Sends one stop to the postmaster that runs now; does not wait for its end.
   * `kill` is SIGKILL for the postmaster, its process group, its children and
   * whatever else of this instance is left.
   */
  stop(mode: FenceStopMode): Promise<void>;
}
