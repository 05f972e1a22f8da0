/**
 * How many new sessions one source may begin: a bucket per source that fills at
 * the wanted rate and holds one second's worth.
 */
import type { Clock } from "../lib/ports/clock.ts";

/** More sources at a time are not told apart: then the ones that rested are forgotten. */
const SOURCES_MAX = 10_000;

interface Bucket {
  left: number;
  atMs: number;
}

/** Counts new sessions by source. */
export class RateLimit {
  readonly #clock: Pick<Clock, "now">;
  readonly #perSecond: number;
  readonly #buckets = new Map<string, Bucket>();

  /** @param perSecond 0: no limit. */
  constructor(clock: Pick<Clock, "now">, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
  }

  get isOn(): boolean {
    return this.#perSecond > 0;
  }

  /** Whether the source may begin another one now; counts it if so. */
  take(source: string): boolean {
    const now = this.#clock.now();
    const bucket = this.#buckets.get(source) ?? this.#newBucket(source, now);
    const gained = (now - bucket.atMs) / 1000 * this.#perSecond;
    bucket.left = Math.min(this.#sizeOf(), bucket.left + gained);
    bucket.atMs = now;
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }

  #sizeOf(): number {
    return Math.max(1, this.#perSecond);
  }

  #newBucket(source: string, now: number): Bucket {
    if (this.#buckets.size >= SOURCES_MAX) this.#forgetRested(now);
    const bucket = { left: this.#sizeOf(), atMs: now };
    this.#buckets.set(source, bucket);
    return bucket;
  }

  /** A bucket that is full again says nothing; if all are busy, the oldest go. */
  #forgetRested(now: number): void {
    const fullMs = 1000 * this.#sizeOf() / this.#perSecond;
    for (const [source, { atMs }] of this.#buckets) {
      const isNeeded = this.#buckets.size >= SOURCES_MAX;
      if (now - atMs >= fullMs || isNeeded) this.#buckets.delete(source);
    }
  }
}
