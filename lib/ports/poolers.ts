/**
 * Connection poolers in front of PostgreSQL that the agent holds during a
 * switchover: clients of a paused pooler wait, and see neither the old leader's
 * end nor the time without one.
 */

/** Pauses and resumes the poolers of the configuration. */
export interface Poolers {
  /**
   * Lets every transaction end and holds what comes after. One that does not
   * pause within its time is resumed, told in the log, and left to its clients'
   * retries. Resolves when each is paused, given up or `signal` aborts. Never
   * rejects.
   */
  pause(signal: AbortSignal): Promise<void>;
  /** Whether each goes on now; what does not is told in the log. Never rejects. */
  resume(): Promise<boolean>;
  /** Whether an agent that ended before may have left one paused. Never rejects. */
  wasLeftPaused(): Promise<boolean>;
  /** After so long a pause clients are let go on, whatever there is; milliseconds. */
  readonly pauseMsMax: number;
}
