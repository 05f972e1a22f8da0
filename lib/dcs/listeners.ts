/**
 * The listeners of one client's watch, and which of them have a gap: changes may
 * have been missed since their last read. Such a one is told nothing but, once
 * the watch stands, to read again.
 */
import type { DcsChange, DcsListener } from "../ports/dcs.ts";

interface Watch {
  readonly listener: DcsListener;
  hasGap: boolean;
}

/** What a store's watch feeds. */
export class DcsListeners {
  readonly #watches = new Set<Watch>();
  #isStanding = false;
  #isClosed = false;

  /** Whether nobody listens. */
  get isEmpty(): boolean {
    return this.#watches.size === 0;
  }

  /** Adds a listener until `signal` aborts. */
  add(listener: DcsListener, signal: AbortSignal): void {
    if (signal.aborted || this.#isClosed) return;
    const watch = { listener, hasGap: true };
    this.#watches.add(watch);
    signal.addEventListener("abort", () => this.#watches.delete(watch), {
      once: true,
    });
    // Never inside the caller's own call.
    queueMicrotask(() => this.#closeGaps());
  }

  /** Tells a change to those that know all before it. */
  tell(change: DcsChange): void {
    for (const watch of [...this.#watches]) {
      if (watch.hasGap || !this.#watches.has(watch)) continue;
      watch.listener.onChange(change);
    }
  }

  /** From now on nothing is missed; who has missed something reads again. */
  stand(): void {
    this.#isStanding = true;
    this.#closeGaps();
  }

  /** Changes may be missed until the next {@link stand}. */
  fall(): void {
    this.#isStanding = false;
    for (const watch of this.#watches) watch.hasGap = true;
  }

  /** Tells nobody anything any more. */
  close(): void {
    this.#isClosed = true;
    this.#watches.clear();
  }

  #closeGaps(): void {
    if (!this.#isStanding) return;
    for (const watch of [...this.#watches]) {
      if (!watch.hasGap || !this.#watches.has(watch)) continue;
      watch.hasGap = false;
      watch.listener.onReset();
    }
  }
}
