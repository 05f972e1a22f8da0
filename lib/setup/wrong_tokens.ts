/**
 * Slows down who guesses: ten wrong tokens within a minute from one address, and
 * that address is not heard again until the minute is over.
 */

const WRONG_MAX = 10;
const WINDOW_MS = 60_000;
/** Counts of more addresses than that are made anew. */
const ADDRESSES_MAX = 1_024;

/** Counts wrong tokens by address. */
export class WrongTokens {
  readonly #byAddress = new Map<string, readonly number[]>();

  /**
   * Milliseconds until the address is heard again; 0: at once.
   *
   * @param nowMs On any clock that does not go back.
   */
  waitMs(address: string, nowMs: number): number {
    const recent = this.#recent(address, nowMs);
    const first = recent.at(-WRONG_MAX);
    return first === undefined ? 0 : first + WINDOW_MS - nowMs;
  }

  /** A wrong one came from there. */
  count(address: string, nowMs: number): void {
    const recent = this.#recent(address, nowMs);
    if (this.#byAddress.size >= ADDRESSES_MAX) this.#byAddress.clear();
    this.#byAddress.set(address, [...recent, nowMs].slice(-WRONG_MAX));
  }

  #recent(address: string, nowMs: number): readonly number[] {
    return (this.#byAddress.get(address) ?? [])
      .filter((atMs) => atMs > nowMs - WINDOW_MS);
  }
}
