/** Those who want to know when a leader has been silent for so and so long. */

interface Waiter {
  readonly silentMs: number;
  readonly resolve: () => void;
}

/** A set of them; each leaves when it is told or when its signal aborts. */
export class SilenceWaiters {
  readonly #waiters = new Set<Waiter>();

  /** Resolves when told, or when `signal` aborts. */
  add(silentMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (signal.aborted) {
      resolve();
      return promise;
    }
    const end = (): void => resolve();
    const waiter = { silentMs, resolve: end };
    this.#waiters.add(waiter);
    signal.addEventListener("abort", end);
    return promise.finally(() => {
      this.#waiters.delete(waiter);
      signal.removeEventListener("abort", end);
    });
  }

  /** Tells those who wait for no more than `silentMs`. */
  tell(silentMs: number): void {
    for (const waiter of this.#waiters) {
      if (waiter.silentMs <= silentMs) waiter.resolve();
    }
  }

  /** The shortest wait that is longer than `silentMs`; Infinity: none. */
  next(silentMs: number): number {
    const waits = [...this.#waiters].map((waiter) => waiter.silentMs);
    return Math.min(...waits.filter((ms) => ms > silentMs), Infinity);
  }
}
