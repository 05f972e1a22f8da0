/**
 * When a voter believes that its leader is lost. Nothing rests on it but time: a
 * suspicion alone changes nothing, and a wrong one is answered by a veto.
 */
import { type Moment, remainingMs } from "../../base/units.ts";
import type { LeaderSigns, VetoHistory } from "../../model/pledge_view.ts";
import type { TakeoverTiming } from "../../model/settings.ts";

const BACKOFF_MS_MAX = 60_000;

/**
 * Whether the leader is suspected now. Who never heard its agent suspects nobody:
 * it may be of a version that says nothing.
 *
 * @example
 * ```ts
 * import { moment } from "../../base/units.ts";
 * import { isSuspected } from "./suspicion.ts";
 * const timing = { suspectAfterMs: 1_500, vetoTimeMs: 700 };
 * const signs = { heardAt: moment(0), walAt: null, isRefused: false };
 * const vetoes = { count: 0, lastAt: null };
 * if (!isSuspected(moment(1_500), signs, { timing, vetoes })) throw new Error();
 * ```
 */
export function isSuspected(
  now: Moment,
  { heardAt, walAt, isRefused }: LeaderSigns,
  { timing, vetoes }: {
    readonly timing: TakeoverTiming;
    readonly vetoes: VetoHistory;
  },
): boolean {
  if (heardAt === null || isBackingOff(now, vetoes, timing)) return false;
  const isSilent = (at: Moment | null): boolean =>
    at === null || remainingMs(now, at) >= timing.suspectAfterMs;
  return isRefused || (isSilent(heardAt) && isSilent(walAt));
}

/** After the first veto as long as a suspicion takes, then twice that, up to a minute. */
function isBackingOff(
  now: Moment,
  { count, lastAt }: VetoHistory,
  { suspectAfterMs }: TakeoverTiming,
): boolean {
  if (count === 0 || lastAt === null) return false;
  const pauseMs = Math.min(suspectAfterMs * 2 ** (count - 1), BACKOFF_MS_MAX);
  return remainingMs(now, lastAt) < pauseMs;
}
