/**
 * Where a member writes down that it agreed to a leader without store, so that a
 * restarted agent still keeps its word.
 */
import type { LastConsent } from "../core/model/failsafe.ts";

/** Remembers a member's last consent over a restart of its agent. */
export interface ConsentRecord {
  /** Null: nothing is known. Never throws. */
  load(): Promise<LastConsent | null>;
  /**
   * Keeps this as the last one. If it cannot be kept, nothing older is there
   * either.
   *
   * @throws {Error} If an older one may still be found.
   */
  save(consent: LastConsent): Promise<void>;
}
