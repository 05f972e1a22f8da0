/** A repeatable choice. Its seed is printed, so that a run can be repeated. */

/** Source: Steele et al., "Fast splittable pseudorandom number generators" (2014), SplitMix. */
export class SeededChoice {
  #state: number;

  /** @param seed Printed, so that the run can be repeated; null: a new one. */
  constructor(seed: number | null) {
    this.#state = seed ?? crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
    console.log(`fault seed ${this.#state} (MATRIARCH_FAULT_SEED)`);
  }

  /** One of them. */
  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.#next() % items.length] ?? items[0];
  }

  #next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let bits = this.#state;
    bits = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad);
    bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97);
    return (bits ^ (bits >>> 15)) >>> 0;
  }
}

/** The seed that a developer asked for, or null. */
export function wantedSeed(): number | null {
  const text = Deno.env.get("MATRIARCH_FAULT_SEED");
  return text === undefined ? null : Number(text);
}
