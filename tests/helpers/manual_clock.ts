/** A clock that moves only when the test says so. */
import { type Moment, moment } from "../../lib/core/base/units.ts";
import type { Clock } from "../../lib/ports/clock.ts";

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

/** Starts at 0; wall time is the same number. */
export class ManualClock implements Clock {
  #nowMs = 0;
  readonly #sleepers = new Set<Sleeper>();

  now(): Moment {
    return moment(this.#nowMs);
  }

  wallTimeMs(): number {
    return this.#nowMs;
  }

  /** How many wait. */
  get sleepers(): number {
    return this.#sleepers.size;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted || ms <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#sleepers.delete(sleeper);
        resolve();
      };
      const sleeper = { until: this.#nowMs + ms, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }

  /** Wakes every sleeper although its time has not come: a timer that is early. */
  async wakeEarly(): Promise<void> {
    for (const sleeper of [...this.#sleepers]) sleeper.wake();
    await settle();
  }

  /** Lets time pass and everything that follows from it happen. */
  async advance(ms: number): Promise<void> {
    this.#nowMs += ms;
    const due = [...this.#sleepers].filter((s) => s.until <= this.#nowMs);
    for (const sleeper of due.sort((a, b) => a.until - b.until)) sleeper.wake();
    await settle();
  }
}

/** Waits until everything that needs no time has happened. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}
