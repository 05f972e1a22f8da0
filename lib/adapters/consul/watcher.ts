/**
 * The watch: one question that waits for a change of the scope, asked again and
 * again, shared by all listeners of a process.
 *
 * Every answer is the whole scope, so what has changed is found by comparing,
 * and nothing is missed over a broken connection. Values in between are.
 */
import { revision } from "../../core/base/units.ts";
import { changesBetween } from "../../dcs/changes.ts";
import { DcsListeners } from "../../dcs/listeners.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsListener } from "../../ports/dcs.ts";
import type { ScopeReader } from "./reader.ts";
import { statesOf, type StoredScope } from "./wire.ts";

/** A server that has fallen silent is noticed after this and a little more. */
const WAIT_MS = 8000;
/** Consul adds up to a sixteenth of the wait. */
const WAITING = { waitMs: WAIT_MS, timeoutMs: WAIT_MS / 16 + 3000 };
const START_LIMITS = { timeoutMs: 5000 };
const PROBLEM_PAUSE_MS = 200;
/** Some setting of a proxy between may answer at once, whatever is asked. */
const HURRY_PAUSE_MS = 50;

/** Feeds the listeners of one client. */
export class ScopeWatcher {
  readonly #reader: Pick<ScopeReader, "changed" | "fresh">;
  readonly #clock: Clock;
  readonly #listeners = new DcsListeners();
  readonly #closing = new AbortController();
  #running: Promise<void> | null = null;
  /** What the listeners know; null: the watch does not stand yet. */
  #known: StoredScope | null = null;

  constructor(
    reader: Pick<ScopeReader, "changed" | "fresh">,
    clock: Clock,
  ) {
    this.#reader = reader;
    this.#clock = clock;
  }

  /** Adds a listener until `signal` aborts. */
  add(listener: DcsListener, signal: AbortSignal): void {
    this.#listeners.add(listener, signal);
    if (!this.#listeners.isEmpty) this.#running ??= this.#run();
  }

  /** Ends the watch; the client's own end ends the question that waits. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#listeners.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let hasFailed = true;
    while (!signal.aborted && !this.#listeners.isEmpty) {
      try {
        const asked = this.#clock.now();
        const before = this.#known;
        const scope = before === null || hasFailed
          ? await this.#reader.fresh(START_LIMITS)
          : await this.#reader.changed(before.at, WAITING);
        hasFailed = false;
        if (!signal.aborted) this.#take(scope);
        const isHurry = before !== null && scope.at <= before.at &&
          this.#clock.now() - asked < HURRY_PAUSE_MS;
        if (isHurry) await this.#clock.sleep(HURRY_PAUSE_MS, signal);
      } catch {
        // Calls report what is wrong with Consul; here the answer is to go on.
        hasFailed = true;
        await this.#clock.sleep(PROBLEM_PAUSE_MS, signal);
      }
    }
    this.#running = null;
    this.#known = null;
    this.#listeners.fall();
  }

  #take(scope: StoredScope): void {
    const known = this.#known;
    this.#known = scope;
    if (known !== null && scope.at < known.at) this.#listeners.fall();
    else if (known !== null) this.#tell(known, scope);
    this.#listeners.stand();
  }

  #tell(before: StoredScope, now: StoredScope): void {
    const states = [statesOf(before), statesOf(now)] as const;
    for (const change of changesBetween(...states, revision(now.at))) {
      this.#listeners.tell(change);
    }
  }
}
