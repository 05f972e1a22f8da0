/**
 * Backends that could not be reached. The first failed attempt is remembered, so
 * that no second client has to wait for one that is silent: new clients go to
 * others, and the backend is tried in the background until it answers. While
 * others can serve, trials come more and more seldom; where nobody can, clients
 * wait for this backend, so it is tried as often as is sensible.
 */
import { type Backend, backendKey } from "../lib/core/model/routes.ts";
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import { closeQuietly } from "./byte_stream.ts";
import type { Dialer } from "./dial.ts";
import type { Route } from "./doors.ts";
import type { Ledger } from "./ledger.ts";

/** Before the first trial, and between trials while clients wait. */
const TRIAL_MS_MIN = 100;
/** Between trials of a backend that nobody has to wait for. */
const TRIAL_MS_MAX = 5_000;

/** What it is made of. */
interface OutagesParts {
  readonly route: Route;
  readonly clock: Clock;
  readonly log: Log;
  readonly ledger: Ledger;
  readonly dialer: Dialer;
  /** How long one trial may take. */
  readonly connectTimeoutMs: number;
  /** Whether clients can be served all the same. */
  readonly hasOthers: () => boolean;
  /** A backend answers again. */
  readonly onBack: () => void;
}

interface Outage {
  readonly backend: Backend;
  readonly over: AbortController;
  /** Ends the pause before the next trial. */
  hurry: AbortController;
}

/** The backends of one door that cannot be reached at the moment. */
export class Outages {
  readonly #parts: OutagesParts;
  readonly #outages = new Map<string, Outage>();

  constructor(parts: OutagesParts) {
    this.#parts = parts;
  }

  /** Whether this thread knows that the backend cannot be reached. */
  has(key: string): boolean {
    return this.#outages.has(key);
  }

  /** An attempt to reach the backend has failed. */
  begin(backend: Backend, detail: string): void {
    const key = backendKey(backend);
    if (this.#outages.has(key)) return;
    const over = new AbortController();
    const outage = { backend, over, hurry: new AbortController() };
    this.#outages.set(key, outage);
    this.#count(backend, "outages", 1);
    this.#count(backend, "failing", 1);
    const { hasOthers, log, route } = this.#parts;
    log.info(
      `Clients of the ${route} port do not go to ${key} until it can be ` +
        `reached again: ${detail}`,
    );
    if (!hasOthers()) {
      for (const one of this.#outages.values()) one.hurry.abort();
    }
    this.#tryAgain(outage);
  }

  /** Forgets all others: clients are not led there any more. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const [key, outage] of [...this.#outages]) {
      if (!keys.has(key)) this.#end(outage);
    }
  }

  /** Never rejects. */
  async #tryAgain(outage: Outage): Promise<void> {
    const { connectTimeoutMs, dialer, log, onBack } = this.#parts;
    const { backend, over: { signal } } = outage;
    for (let pauseMs = TRIAL_MS_MIN; !signal.aborted;) {
      await this.#pause(outage, pauseMs);
      if (signal.aborted) return;
      const result = await dialer.dial(backend, connectTimeoutMs, signal);
      if (result.kind === "connected") {
        closeQuietly(result.conn);
        if (signal.aborted) return;
        this.#end(outage);
        log.info(`${backendKey(backend)} can be reached again`);
        return onBack();
      }
      if (signal.aborted) return;
      this.#count(backend, "dialFailures", 1);
      pauseMs = this.#parts.hasOthers()
        ? Math.min(2 * pauseMs, TRIAL_MS_MAX)
        : TRIAL_MS_MIN;
    }
  }

  async #pause(outage: Outage, pauseMs: number): Promise<void> {
    const { clock } = this.#parts;
    await clock.sleep(TRIAL_MS_MIN, outage.over.signal);
    if (pauseMs <= TRIAL_MS_MIN || outage.over.signal.aborted) return;
    outage.hurry = new AbortController();
    const { signal } = outage.hurry;
    await clock.sleep(pauseMs - TRIAL_MS_MIN, signal);
  }

  #end(outage: Outage): void {
    this.#outages.delete(backendKey(outage.backend));
    this.#count(outage.backend, "failing", -1);
    outage.over.abort();
    outage.hurry.abort();
  }

  #count(
    backend: Backend,
    field: "dialFailures" | "failing" | "outages",
    change: number,
  ): void {
    const { ledger, route } = this.#parts;
    ledger.addTo(ledger.book.slotOf(route, backend), field, change);
  }
}
