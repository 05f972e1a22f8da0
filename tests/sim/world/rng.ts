/**
 * The only source of chance in a simulated world: small, seeded, and split into
 * named streams, so that a new draw in one place does not shift all others.
 */

/** One stream of chance. */
export class Rng {
  #state: number;

  /** @param stream Names the draws; equal seed and name give equal numbers. */
  constructor(seed: number, stream: string) {
    let hash = 0x811c9dc5 ^ seed;
    for (const char of stream) {
      hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
    }
    this.#state = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) + seed | 0;
  }

  /** In [0, 1). Source: mulberry32 by Tommy Ettinger, public domain. */
  next(): number {
    this.#state = this.#state + 0x6d2b79f5 | 0;
    let t = Math.imul(this.#state ^ this.#state >>> 15, 1 | this.#state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 4294967296;
  }

  /** True with that probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** A whole number, both ends included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** One of `items`, which are not empty. */
  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.next() * items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }
}
