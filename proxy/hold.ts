/**
 * Where clients wait for a backend: a plain queue of waiters. It knows nothing
 * of backends; whoever is released looks again.
 */
import { remainingMs } from "../lib/core/base/units.ts";
import type { Moment } from "../lib/core/base/units.ts";
import type { Clock } from "../lib/ports/clock.ts";

/** Waiters in order of arrival. */
export class HoldQueue {
  readonly #clock: Clock;
  readonly #waiters = new Set<AbortController>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many wait now. */
  get size(): number {
    return this.#waiters.size;
  }

  /** Waits for `release`, for `deadline` or for `signal`, whichever is first. */
  async wait(deadline: Moment, signal: AbortSignal): Promise<void> {
    const remaining = remainingMs(deadline, this.#clock.now());
    if (remaining <= 0 || signal.aborted) return;
    const waiter = new AbortController();
    const onAbort = (): void => waiter.abort();
    signal.addEventListener("abort", onAbort, { once: true });
    this.#waiters.add(waiter);
    try {
      await this.#clock.sleep(remaining, waiter.signal);
    } finally {
      this.#waiters.delete(waiter);
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Lets everyone who waits look again. */
  release(): void {
    for (const waiter of [...this.#waiters]) waiter.abort();
  }
}
