/** Which numbers are ids of processes that may get a signal of ours. */

const PROCESS_ID_MIN = 2;

/**
 * Whether `value` is the id of an ordinary process. Zero and negative numbers
 * mean groups, and 1 is the system's own; a text from elsewhere may hold either.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(isProcessId(4242), true);
 * assert.equal(isProcessId(-1), false);
 * ```
 *
 * Source: Linux manual page kill(2).
 */
export function isProcessId(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) &&
    value >= PROCESS_ID_MIN;
}
