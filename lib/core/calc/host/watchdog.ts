/**
 * The watchdog's numbers: how long a device may wait for its keepalive, whether
 * it fits the loop, and until when a keepalive lets this member lead.
 *
 * Source: docs/contract/ha.md 22.
 */
import { after, type Moment, remainingMs } from "../../base/units.ts";
import type { ClusterSettings } from "../../model/settings.ts";
import { stopBudgetMs } from "../lead/budgets.ts";

/** A leader wakes that long before it would have to stop. */
const BEFORE_STOP_MS = 2_000;

/** The shortest rest of a leader. */
const REST_MIN_MS = 500;

/** How much a member depends on its watchdog. */
export type WatchdogMode = "off" | "automatic" | "required";

/** The part of the local configuration that the agent needs. */
export interface WatchdogTerms {
  readonly mode: WatchdogMode;
  /** Seconds before the end of the TTL at which the device fires; -1: half of the TTL. */
  readonly safetyMarginS: number;
}

/** Timing of the dynamic settings. */
export type WatchdogTiming = Pick<ClusterSettings, "ttlMs" | "loopWaitMs">;

/**
 * Seconds after its last keepalive at which the device fires.
 *
 * @example
 * ```ts
 * import { watchdogTimeoutS } from "./watchdog.ts";
 * const half = watchdogTimeoutS({ mode: "off", safetyMarginS: -1 }, 30_000);
 * if (half !== 15) throw new Error(String(half));
 * ```
 */
export function watchdogTimeoutS(terms: WatchdogTerms, ttlMs: number): number {
  const ttlS = Math.floor(ttlMs / 1000);
  return terms.safetyMarginS === -1
    ? Math.floor(ttlS / 2)
    : ttlS - terms.safetyMarginS;
}

/** Whether the loop is quick enough to keep the device quiet. */
export function hasWatchdogSlack(
  terms: WatchdogTerms,
  timing: WatchdogTiming,
): boolean {
  const timeoutS = watchdogTimeoutS(terms, timing.ttlMs);
  return timeoutS > 0 && timeoutS * 1000 >= timing.loopWaitMs;
}

/** Whether this member must not lead because of its watchdog. */
export function hasWatchdogFailed(
  terms: WatchdogTerms,
  timing: WatchdogTiming,
  device: "usable" | "unusable",
): boolean {
  return terms.mode === "required" &&
    !(device === "usable" && hasWatchdogSlack(terms, timing));
}

/**
 * Until when this member may lead: the lease's end, or earlier when the device
 * would fire before. The stop that the lease forces then begins in time for both.
 *
 * @param keptAt When the last keepalive was given.
 */
export function guardedDeadline(
  leaseDeadline: Moment,
  keptAt: Moment,
  timeoutS: number,
): Moment {
  const firesAt = after(keptAt, timeoutS * 1000);
  return firesAt < leaseDeadline ? firesAt : leaseDeadline;
}

/** What the kernel's driver could be made to do. */
export type TimeoutVerdict = "fits" | "too_long" | "unknown";

/** Compares the device's own timeout (null: it does not tell) with the wanted one. */
export function judgeTimeout(
  wantedS: number,
  actualS: number | null,
): TimeoutVerdict {
  if (actualS === null) return "unknown";
  return actualS <= wantedS ? "fits" : "too_long";
}

/**
 * How long a leader rests between two cycles: `loop_wait`, or less when it would
 * have to stop before that.
 *
 * @param deadline Until when it may lead; null: it has no lease to lose.
 */
export function leaderRestMs(
  settings: ClusterSettings,
  deadline: Moment | null,
  now: Moment,
): number {
  if (deadline === null) return settings.loopWaitMs;
  const untilStopMs = remainingMs(deadline, now) - stopBudgetMs(settings);
  const untilWakeMs = Math.max(REST_MIN_MS, untilStopMs - BEFORE_STOP_MS);
  return Math.min(settings.loopWaitMs, untilWakeMs);
}
