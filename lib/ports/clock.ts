/** Time as the agent, the proxy and the simulator see it. */
import type { Moment } from "../core/base/units.ts";

/** Resolves when `signal` aborts. */
export function abortOf(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}

/** The only source of time and waiting for `lib/agent` and `proxy`. */
export interface Clock {
  /** The host's boot-time clock: monotonic, counts through suspension, shared by all processes of the host. */
  now(): Moment;
  /** Milliseconds since the epoch; for texts and scheduled requests only. */
  wallTimeMs(): number;
  /**
   * Resolves after `ms` milliseconds, or at once when `signal` aborts (it does
   * not reject: a wake-up is no error).
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
