/**
 * Keeps the lines of quiet cycles out of the log: who owns the lock is only said
 * when something else happens, and, if wanted, the same heartbeat only once.
 *
 * Source: docs/contract/configuration.md 3.2, "Noise control".
 */
import type { LogRecord } from "./log_record.ts";

const LOCK_OWNER = "Lock owner: ";
const HEARTBEAT = /^(?:PAUSE: )?no action\b/;

/** What is known of the lines before. */
export class HeartbeatFilter {
  #held: LogRecord | null = null;
  #lastHeartbeat: string | null = null;

  /**
   * The records to write now, in order.
   *
   * @param isDeduplicated A heartbeat equal to the one before is dropped.
   */
  pass(
    record: LogRecord,
    isDeduplicated: boolean,
  ): readonly LogRecord[] {
    const held = this.#held;
    this.#held = null;
    if (record.level === "INFO" && record.message.startsWith(LOCK_OWNER)) {
      this.#held = record;
      return held === null ? [] : [held];
    }
    if (!HEARTBEAT.test(record.message)) {
      this.#lastHeartbeat = null;
      return held === null ? [record] : [held, record];
    }
    const isRepeated = isDeduplicated &&
      this.#lastHeartbeat === record.message;
    this.#lastHeartbeat = record.message;
    return isRepeated ? [] : [record];
  }
}
