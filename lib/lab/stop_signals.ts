/** Ctrl-C and its relatives as an AbortSignal; the second one is for the impatient. */

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The same key press may arrive twice: from the terminal and from the root process. */
const SAME_MS = 1500;

/** Listens until it is disposed. */
export class StopSignals {
  readonly #stop = new AbortController();
  readonly #onSecond: () => void;
  #first = 0;
  readonly #listener = (): void => this.#heard();

  /** @param onSecond Runs at the second wish to stop. */
  constructor(onSecond: () => void) {
    this.#onSecond = onSecond;
    for (const name of SIGNALS) Deno.addSignalListener(name, this.#listener);
  }

  /** Aborts at the first wish to stop. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  [Symbol.dispose](): void {
    for (const name of SIGNALS) Deno.removeSignalListener(name, this.#listener);
  }

  #heard(): void {
    const now = performance.now();
    if (!this.#stop.signal.aborted) {
      this.#first = now;
      this.#stop.abort();
    } else if (now - this.#first > SAME_MS) this.#onSecond();
  }
}
