/** A number of places that waiters share in order; for what must not happen too often at once. */

/** Lets a number of waiters work at a time, in their order. */
export class Places {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  /** Runs `work` in a place, or not at all if `signal` aborts before there is one. */
  async within(
    signal: AbortSignal,
    work: () => Promise<void>,
  ): Promise<void> {
    if (!await this.#take(signal)) return;
    try {
      await work();
    } finally {
      this.#give();
    }
  }

  async #take(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    if (this.#free > 0) {
      this.#free--;
      return true;
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const onTurn = (): void => resolve(true);
    const onAbort = (): void => {
      if (this.#waiting.delete(onTurn)) resolve(false);
    };
    this.#waiting.add(onTurn);
    signal.addEventListener("abort", onAbort, { once: true });
    const isTaken = await promise;
    signal.removeEventListener("abort", onAbort);
    return isTaken;
  }

  #give(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
