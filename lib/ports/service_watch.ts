/** The service manager's watch over the agent: systemd's, with `WatchdogSec`. */

/** Ends and restarts an agent that it does not hear of. */
export interface ServiceWatch {
  /** How long it waits for a word; null: it does not watch. */
  readonly patienceMs: number | null;
  /** The loop goes on. Costs a system call; never throws. */
  alive(): void;
}
