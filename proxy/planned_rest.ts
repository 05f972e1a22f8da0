/**
 * A planned stop of the local member: new clients are held meanwhile, and
 * whoever is connected may finish.
 */
import type { Clock } from "../lib/ports/clock.ts";

/** Tells when the local member is about to be stopped, and when not any more. */
export class PlannedRest {
  readonly #clock: Clock;
  readonly #onChange: (isResting: boolean) => void;
  #timer: AbortController | null = null;

  constructor(clock: Clock, onChange: (isResting: boolean) => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  get isUnderWay(): boolean {
    return this.#timer !== null;
  }

  /** For so long at most; 0: it is over. */
  begin(ms: number): void {
    this.close();
    if (ms <= 0) return this.end();
    const timer = new AbortController();
    this.#timer = timer;
    this.#onChange(true);
    this.#clock.sleep(ms, timer.signal).then(() => {
      if (!timer.signal.aborted) this.end();
    });
  }

  /** The stop has begun, or took too long: what comes after is another story. */
  end(): void {
    this.close();
    this.#timer = null;
    this.#onChange(false);
  }

  /** Stops the timer. */
  close(): void {
    this.#timer?.abort();
  }
}
