/**
 * The local instance as the fence may treat it: look at it without asking it
 * anything, and stop it. Nothing but processes of this one data directory is
 * ever signalled.
 */
import type { FencedInstance, FenceStopMode } from "../core/model/fence.ts";

/** See the head of this file. */
export interface FencedServer {
  /** One look at its files and processes. Remembers the postmaster, so that it is found again without its pid file. */
  look(): Promise<FencedInstance>;
  /**
   * Sends one stop to the postmaster that runs now; does not wait for its end.
   * `kill` is SIGKILL for the postmaster, its process group, its children and
   * whatever else of this instance is left.
   */
  stop(mode: FenceStopMode): Promise<void>;
}
