/**
 * When a listener looks whether its leader still speaks. Each timer wakes an idle
 * process three times (its wheel, the timer, the loop after it), also one that was
 * cleared: so none is set anew with each pulse. One is set for the pulse after the
 * next, and who finds that it came in time sets the next one.
 */
import { PULSE_GRACE_MS, PULSE_MS, QUIET_MS } from "../../ports/pulse.ts";

/** From a pulse until it is known that the next one is missing. */
export const MISSING_MS = PULSE_GRACE_MS + QUIET_MS;
/**
 * A pulse may come that late without being waited for by a timer of its own. Then
 * at most 0.8 s of silence have been counted at the first look, and the 0.7 s that
 * a store's silent node is left in are over when a leader is suspected.
 */
const LATENESS_MS = 50;

/**
 * Milliseconds until the next look; 0: a pulse is missing. A leader that falls
 * silent is looked after between `MISSING_MS` and 1.05 s after its last pulse.
 *
 * @param ageMs Since the last pulse.
 */
export function restAfterPulse(ageMs: number): number {
  if (ageMs >= MISSING_MS) return 0;
  // Late already: it alone is waited for.
  const lookMs = ageMs > PULSE_MS ? MISSING_MS : 2 * PULSE_MS + LATENESS_MS;
  return lookMs - Math.max(0, ageMs);
}
