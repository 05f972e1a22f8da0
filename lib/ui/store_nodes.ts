/** The nodes of the store as the cluster page shows them: looked at while somebody looks, not too often. */
import type { Clock } from "../ports/clock.ts";
import type { Dcs, DcsNode } from "../ports/dcs.ts";

/** What is younger is not looked at again, for however many pages. */
const FRESH_MS = 4_000;
/** Who asks a member waits two seconds for all of its answer. */
const TIMEOUT_MS = 900;

/** Looks when it is asked. */
export class StoreNodes {
  readonly #dcs: Pick<Dcs, "nodes">;
  readonly #clock: Pick<Clock, "now">;
  #looking: Promise<readonly DcsNode[]> | null = null;
  #since = -Infinity;

  constructor(dcs: Pick<Dcs, "nodes">, clock: Pick<Clock, "now">) {
    this.#dcs = dcs;
    this.#clock = clock;
  }

  /** Empty: the store has no nodes to be told apart. Never rejects. */
  async now(): Promise<readonly DcsNode[]> {
    const now = this.#clock.now();
    if (this.#looking === null || now - this.#since >= FRESH_MS) {
      this.#since = now;
      this.#looking = this.#look();
    }
    return await this.#looking;
  }

  async #look(): Promise<readonly DcsNode[]> {
    try {
      return await this.#dcs.nodes?.({ timeoutMs: TIMEOUT_MS }) ?? [];
    } catch {
      return [];
    }
  }
}
