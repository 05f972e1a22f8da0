/**
 * Where clients wait for a backend: a plain queue of waiters. It knows nothing
 * of backends; whoever is released looks again. Only so many are released at
 * once: a new leader that has to fork for a thousand clients serves none.
 */
import { remainingMs } from "../lib/core/base/units.ts";
import type { Moment } from "../lib/core/base/units.ts";
import type { Clock } from "../lib/ports/clock.ts";

/** So many look again at once, the next after the pause. */
const RELEASED_AT_ONCE = 50;
const RELEASE_PAUSE_MS = 10;

/** Waiters in order of arrival. */
export class HoldQueue {
  readonly #clock: Clock;
  readonly #waiters = new Set<AbortController>();
  #isReleasing = false;

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

  /** Lets everyone who waits now look again, the first at once. */
  release(): void {
    const waiting = [...this.#waiters];
    for (const waiter of waiting.slice(0, RELEASED_AT_ONCE)) waiter.abort();
    if (waiting.length > RELEASED_AT_ONCE && !this.#isReleasing) {
      this.#releaseRest();
    }
  }

  async #releaseRest(): Promise<void> {
    this.#isReleasing = true;
    // Those who come later find the backend by themselves.
    const waiting = [...this.#waiters];
    while (waiting.length > 0) {
      await this.#clock.sleep(RELEASE_PAUSE_MS);
      for (const waiter of waiting.splice(0, RELEASED_AT_ONCE)) waiter.abort();
    }
    this.#isReleasing = false;
  }
}
