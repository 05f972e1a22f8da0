/**
 * The three times that keep a lease safe, and the rule that binds them:
 * `loop_wait + 2 * retry_timeout <= ttl`. What breaks the rule is repaired in
 * memory, on every member in the same way; the key is not rewritten.
 */
import { parseBool } from "../base/scalars.ts";
import { type JsonObject, readScalarText } from "./json.ts";

/** Times of a document after repair, in milliseconds. */
export interface Timing {
  readonly ttlMs: number;
  readonly loopWaitMs: number;
  readonly retryTimeoutMs: number;
}

/** Times, or `null` if a value is no number, and what there is to say of them. */
export interface TimingReading {
  readonly timing: Timing | null;
  readonly problems: readonly string[];
}

type TimingKey = "ttl" | "loop_wait" | "retry_timeout";

const KEYS: readonly TimingKey[] = ["ttl", "loop_wait", "retry_timeout"];

/** The smallest times that a document may ask for, in seconds. */
export type TimingFloors = Readonly<Record<TimingKey, number>>;

/** Those of every agent that a user starts; only tests are composed with others. */
export const TIMING_FLOORS: TimingFloors = {
  ttl: 20,
  loop_wait: 1,
  retry_timeout: 3,
};

/** Nobody takes over from a lost leader before that. By the rule it bounds the others, too. */
const TTL_MAX = 86_400;

const DEFAULTS: Readonly<Record<TimingKey, number>> = {
  ttl: 30,
  loop_wait: 10,
  retry_timeout: 10,
};

/**
 * Times of a document: absent ones by default, too small ones raised, too large
 * ones cut, then the rule. One value that is no number refuses all three.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const { timing } = readTiming({ ttl: 10 });
 * assert.deepEqual(timing, {
 *   ttlMs: 20_000,
 *   loopWaitMs: 1000,
 *   retryTimeoutMs: 9000,
 * });
 * ```
 *
 * Source: docs/contract/configuration.md 4.1.
 */
export function readTiming(
  document: JsonObject,
  floors: TimingFloors = TIMING_FLOORS,
): TimingReading {
  const problems: string[] = [];
  const values = new Map<TimingKey, number>();
  for (const key of KEYS) {
    const min = floors[key];
    const max = key === "ttl" ? TTL_MAX : Infinity;
    const given = Object.hasOwn(document, key) ? document[key] : DEFAULTS[key];
    const value = seconds(given);
    if (value === null) return refused(key, given);
    if (value < min) {
      problems.push(
        `${key}=${value} can't be smaller than ${min}, adjusting...`,
      );
    }
    if (value > max) problems.push(tooLarge(key, value, max));
    values.set(key, Math.min(Math.max(value, min), max));
  }
  const ttl = values.get("ttl") ?? 0;
  const retryTimeout = values.get("retry_timeout") ?? 0;
  const loopWait = values.get("loop_wait") ?? 0;
  const isEndless = retryTimeout > ttl &&
    parseBool(document["failsafe_mode"]) !== true;
  const reading = withRule(ttl, { loopWait, retryTimeout }, problems);
  return isEndless
    ? { ...reading, problems: [...reading.problems, failsafeHint(reading)] }
    : reading;
}

/** A value above its bound, which then counts. */
export function tooLarge(key: string, value: number, max: number): string {
  return `${key}=${value} can't be larger than ${max}, adjusting...`;
}

/** Who writes days there wants a primary that outlives its store. */
function failsafeHint({ timing }: TimingReading): string {
  return "A retry_timeout beyond ttl does not keep a primary while the store " +
    `is away: it is cut to ${(timing?.retryTimeoutMs ?? 0) / 1000} s. What ` +
    "does that safely is failsafe_mode: true";
}

interface Waits {
  readonly loopWait: number;
  readonly retryTimeout: number;
}

function withRule(
  ttl: number,
  given: Waits,
  problems: readonly string[],
): TimingReading {
  const { loopWait, retryTimeout } = adjusted(ttl, given);
  const timing = {
    ttlMs: ttl * 1000,
    loopWaitMs: loopWait * 1000,
    retryTimeoutMs: retryTimeout * 1000,
  };
  const isKept = loopWait === given.loopWait &&
    retryTimeout === given.retryTimeout;
  if (isKept) return { timing, problems };
  const problem = 'Violated the rule "loop_wait + 2*retry_timeout <= ttl", ' +
    `where ttl=${ttl}, loop_wait=${given.loopWait} and ` +
    `retry_timeout=${given.retryTimeout}. Adjusting to ` +
    `loop_wait=${loopWait} and retry_timeout=${retryTimeout}`;
  return { timing, problems: [...problems, problem] };
}

function adjusted(ttl: number, waits: Waits): Waits {
  const { loopWait, retryTimeout } = waits;
  if (1 + 2 * retryTimeout > ttl) {
    return { loopWait: 1, retryTimeout: Math.floor((ttl - 1) / 2) };
  }
  return { loopWait: Math.min(loopWait, ttl - 2 * retryTimeout), retryTimeout };
}

/** Decimal text or a number, cut to whole seconds; here a unit is an error. */
function seconds(value: unknown): number | null {
  if (typeof value === "boolean") return Number(value);
  if (typeof value === "number") {
    return Number.isFinite(value) ? Math.trunc(value) : null;
  }
  if (typeof value !== "string") return null;
  return /^\s*[-+]?[0-9]{1,15}\s*$/.test(value) ? Number(value) : null;
}

function refused(key: TimingKey, value: unknown): TimingReading {
  const text = readScalarText(value) ?? "null";
  const problem = "Exception when setting dynamic_configuration: " +
    `${key}=${text} is not a number of seconds`;
  return { timing: null, problems: [problem] };
}
