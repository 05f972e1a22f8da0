/**
 * Tells the service manager that the loop goes on. Only the loop itself may say
 * so, between its steps: a loop that hangs falls silent, is ended and started
 * again, and the next agent adopts the instance or finds it fenced.
 */
import type { ClusterSettings } from "../core/model/settings.ts";
import type { Log } from "../ports/log.ts";
import type { ServiceWatch } from "../ports/service_watch.ts";

/** A word comes that often while the loop rests; one may get lost. */
const WORDS_PER_PATIENCE = 3;

/** What a healthy loop may do without a word, beside one call of the store: queries and files. */
const SILENCE_MS = 5_000;

/** Tells the service manager that the loop goes on. */
export class Liveness {
  readonly #watch: ServiceWatch;
  readonly #log: Log;
  #said = "";

  constructor(watch: ServiceWatch, log: Log) {
    this.#watch = watch;
    this.#log = log;
  }

  /** The longest rest without a word, in milliseconds. */
  get restMsMax(): number {
    const { patienceMs } = this.#watch;
    return patienceMs === null ? Infinity : patienceMs / WORDS_PER_PATIENCE;
  }

  alive(): void {
    this.#watch.alive();
  }

  /** Says once per change that the service manager is too impatient for these settings. */
  judge({ retryTimeoutMs }: Pick<ClusterSettings, "retryTimeoutMs">): void {
    const { patienceMs } = this.#watch;
    const neededMs = retryTimeoutMs + SILENCE_MS;
    const text = patienceMs === null || patienceMs >= neededMs
      ? ""
      : `WatchdogSec is ${patienceMs / 1000} s, but with retry_timeout ` +
        `${retryTimeoutMs / 1000} s a healthy cycle may take ` +
        `${neededMs / 1000} s while the DCS does not answer: the service ` +
        "manager may end a healthy agent";
    if (text !== "" && text !== this.#said) this.#log.warning(text);
    this.#said = text;
  }
}
