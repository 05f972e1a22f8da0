/** Watches which members carry the virtual address, many times a second. */
import type { FaultBench } from "./bench.ts";
import type { BenchMember } from "./member.ts";

const LOOK_AGAIN_MS = 100;

/** The members that carry an address now. */
export async function carriersOf(
  bench: FaultBench,
  address: string,
): Promise<readonly BenchMember[]> {
  const found: BenchMember[] = [];
  for (const member of bench.members) {
    const addresses = await bench.network.addressesOn(member.host);
    if (addresses.includes(address)) found.push(member);
  }
  return found;
}

/** Watches until it is disposed. */
export class CarrierWatch implements AsyncDisposable {
  readonly #bench: FaultBench;
  readonly #end = new AbortController();
  readonly #done: Promise<void>;
  #sharedSince: number | null = null;
  #longestMs = 0;

  constructor(bench: FaultBench) {
    this.#bench = bench;
    this.#done = this.#watch();
  }

  /** The longest time that more than one member carried the VIP. */
  sharedMs(): number {
    return this.#longestMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#done;
  }

  async #watch(): Promise<void> {
    while (!this.#end.signal.aborted) {
      const { length } = await carriersOf(this.#bench, this.#bench.vip);
      const now = performance.now();
      if (length < 2) this.#sharedSince = null;
      else this.#sharedSince ??= now;
      const sharedMs = now - (this.#sharedSince ?? now);
      this.#longestMs = Math.max(this.#longestMs, sharedMs);
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }
}
