/**
 * For how long a leader has been silent, as far as a listener can know: time in
 * which he did not run himself is no silence. He looks again and again; a look
 * that comes later than it should tells that he stood still meanwhile, and counts
 * only as long as it was meant to take.
 */
import { after, type Moment, remainingMs } from "../../base/units.ts";

/** From the last word on. */
export interface Silence {
  /** Of the last look; at first when the word was heard. */
  readonly lookedAt: Moment;
  /** Milliseconds of silence until that look. */
  readonly silentMs: number;
}

/** A busy host wakes its processes that late without having stood still. */
const LATENESS_MS = 100;

/** A word was heard just now. */
export function heardNow(now: Moment): Silence {
  return { lookedAt: now, silentMs: 0 };
}

/**
 * Silence as a look at `now` shows it.
 *
 * @param restMs How long the listener meant to rest since the last look.
 *
 * @example
 * ```ts
 * import { moment } from "../../base/units.ts";
 * import { heardNow, lookAgain } from "./silence.ts";
 * const heard = heardNow(moment(0));
 * const frozen = lookAgain(heard, moment(60_000), 600);
 * if (frozen.silentMs !== 700) throw new Error("it stood still itself");
 * ```
 */
export function lookAgain(
  { lookedAt, silentMs }: Silence,
  now: Moment,
  restMs: number,
): Silence {
  const passedMs = Math.max(0, remainingMs(now, lookedAt));
  const countedMs = Math.min(passedMs, restMs + LATENESS_MS);
  return { lookedAt: now, silentMs: silentMs + countedMs };
}

/** When the last word would have been heard if the listener had always run. */
export function heardAtOf({ lookedAt, silentMs }: Silence): Moment {
  return after(lookedAt, -silentMs);
}
