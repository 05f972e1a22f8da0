/** A limit for what the library waits for without one. */
import type { Clock } from "../../ports/clock.ts";

/** When to stop waiting. */
export interface TimeLimit {
  readonly clock: Clock;
  readonly limitMs: number;
  /** Ends the wait too. */
  readonly closing: AbortSignal;
}

/**
 * The answer, if it comes in time.
 *
 * @throws {Error} After the limit, when `closing` aborts, and what `answer` throws.
 */
export async function inTime<T>(
  answer: Promise<T>,
  { clock, limitMs, closing }: TimeLimit,
): Promise<T> {
  const settled = new AbortController();
  const stop = (): void => settled.abort();
  answer.then(stop, stop);
  closing.addEventListener("abort", stop, { once: true });
  try {
    if (!closing.aborted) await clock.sleep(limitMs, settled.signal);
    if (closing.aborted) throw new Error("the client is closed");
    if (!settled.signal.aborted) throw new Error("no answer in time");
    return await answer;
  } finally {
    closing.removeEventListener("abort", stop);
  }
}
