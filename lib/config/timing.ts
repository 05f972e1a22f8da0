/**
 * The rule that ties the three timings together, and its repair.
 *
 * A lease must outlive one cycle and two rounds of retries, or a healthy
 * leader loses it: `loop_wait + 2 * retry_timeout <= ttl`.
 */
import { parseReal } from "../core/base/scalars.ts";
import { type ConfigMap, ownValue } from "../core/calc/config_merge.ts";

/** The three timings, in whole seconds. */
export interface Timings {
  readonly ttlS: number;
  readonly loopWaitS: number;
  readonly retryTimeoutS: number;
}

/** Timings in force, and a log line for each repair that they needed. */
export interface RepairedTimings {
  readonly timings: Timings;
  readonly adjustments: readonly string[];
}

const KEYS = {
  ttl: { fallback: 30, min: 20 },
  loop_wait: { fallback: 10, min: 1 },
  retry_timeout: { fallback: 10, min: 3 },
} as const;

const RULE = 'Violated the rule "loop_wait + 2*retry_timeout <= ttl"';

/**
 * Timings of a dynamic document after repair; `null` when one is no number,
 * which rejects the whole document.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const repaired = timingsOf({ ttl: 30, loop_wait: 10, retry_timeout: 12 });
 * assert.equal(repaired?.timings.loopWaitS, 6);
 * ```
 *
 * Source: Patroni 4.1.4 `config.py`, _validate_and_adjust_timeouts.
 */
export function timingsOf(document: ConfigMap): RepairedTimings | null {
  const adjustments: string[] = [];
  const ttlS = seconds(document, "ttl", adjustments);
  const loopWaitS = seconds(document, "loop_wait", adjustments);
  const retryTimeoutS = seconds(document, "retry_timeout", adjustments);
  if (ttlS === null || loopWaitS === null || retryTimeoutS === null) {
    return null;
  }
  const raised = { ttlS, loopWaitS, retryTimeoutS };
  const timings = balanced(raised);
  if (timings.loopWaitS !== loopWaitS) {
    adjustments.push(
      `${RULE}. Adjusting loop_wait from ${loopWaitS} to ${timings.loopWaitS}`,
    );
  }
  if (timings.retryTimeoutS !== retryTimeoutS) {
    adjustments.push(
      `${RULE}. Adjusting retry_timeout from ${retryTimeoutS} to ${timings.retryTimeoutS}`,
    );
  }
  return { timings, adjustments };
}

function seconds(
  document: ConfigMap,
  key: keyof typeof KEYS,
  adjustments: string[],
): number | null {
  const { fallback, min } = KEYS[key];
  const given = ownValue(document, key);
  const real = given === undefined ? fallback : parseReal(given);
  if (real === null || !Number.isFinite(real)) return null;
  const value = Math.trunc(real);
  if (value >= min) return value;
  adjustments.push(
    `${key}=${value} can't be smaller than ${min}, adjusting...`,
  );
  return min;
}

function balanced(timings: Timings): Timings {
  const { ttlS, loopWaitS, retryTimeoutS } = timings;
  if (1 + 2 * retryTimeoutS > ttlS) {
    return { ttlS, loopWaitS: 1, retryTimeoutS: Math.floor((ttlS - 1) / 2) };
  }
  if (loopWaitS + 2 * retryTimeoutS > ttlS) {
    return { ttlS, loopWaitS: ttlS - 2 * retryTimeoutS, retryTimeoutS };
  }
  return timings;
}
