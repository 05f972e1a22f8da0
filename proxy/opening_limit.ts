/**
 * The time limit for first packets. It is the same for all clients, so whoever
 * has waited longest is the next whose time is up: one sleep at a time serves
 * everybody, and clients in time, which are nearly all, need no timer.
 */
import { after, type Moment, remainingMs } from "../lib/core/base/units.ts";
import type { Clock } from "../lib/ports/clock.ts";

/** A client whose first packet is waited for. */
export interface OpeningWait {
  readonly deadline: Moment;
  readonly onLate: () => void;
}

/** See the head of this file. */
export class OpeningLimit {
  readonly #clock: Clock;
  readonly #limitMs: number;
  /** In the order in which their times are up. */
  readonly #waits = new Set<OpeningWait>();
  readonly #closing = new AbortController();
  #isWatching = false;

  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock;
    this.#limitMs = limitMs;
  }

  /** Calls `onLate`, which must not throw, unless `end` comes in time. */
  begin(onLate: () => void): OpeningWait {
    const deadline = after(this.#clock.now(), this.#limitMs);
    const wait = { deadline, onLate };
    this.#waits.add(wait);
    if (!this.#isWatching) this.#watch();
    return wait;
  }

  /** The packet is there, or will never be. May be said again. */
  end(wait: OpeningWait): void {
    this.#waits.delete(wait);
  }

  /** From now on nobody is late any more. */
  close(): void {
    this.#closing.abort();
  }

  async #watch(): Promise<void> {
    this.#isWatching = true;
    const { signal } = this.#closing;
    // Meets those who are added meanwhile, too, and not those who are removed.
    for (const wait of this.#waits) {
      const leftMs = remainingMs(wait.deadline, this.#clock.now());
      if (leftMs > 0) await this.#clock.sleep(leftMs, signal);
      if (signal.aborted) return;
      if (this.#waits.delete(wait)) wait.onLate();
    }
    this.#isWatching = false;
  }
}
