/**
 * The watch of the embedded store: a poll of SQLite's change counter, shared by
 * all listeners of a process.
 *
 * The same poll clears away expired leases, so that every process of the host
 * sees a lost leader within two polls of the lease's end.
 */
import { DcsListeners } from "../../dcs/listeners.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsListener } from "../../ports/dcs.ts";
import type { SqliteConnection } from "./connection.ts";
import type { Counter } from "./rows_codec.ts";

const POLL_MS = 25;
const PROBLEM_PAUSE_MS = 250;
const LIMITS = { timeoutMs: 1000 };
const NOTHING_SEEN: Counter = 0;

/** Feeds the listeners of one client. */
export class SqliteWatcher {
  readonly #connection: SqliteConnection;
  readonly #clock: Clock;
  readonly #listeners = new DcsListeners();
  readonly #closing = new AbortController();
  #polling: Promise<void> | null = null;

  constructor(connection: SqliteConnection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  /** Adds a listener until `signal` aborts. */
  add(listener: DcsListener, signal: AbortSignal): void {
    this.#listeners.add(listener, signal);
    if (!this.#listeners.isEmpty) this.#polling ??= this.#poll();
  }

  /** Ends the poll and waits for its end. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#listeners.close();
    await this.#polling;
  }

  async #poll(): Promise<void> {
    const { signal } = this.#closing;
    let version: unknown = null;
    let seen: Counter = NOTHING_SEEN;
    while (!signal.aborted && !this.#listeners.isEmpty) {
      try {
        const isExpiryOurs = await this.#expire();
        // The counter is read first: what is committed later moves it again.
        const current = this.#connection.dataVersion();
        if (current !== version || isExpiryOurs) seen = await this.#look(seen);
        version = current;
        await this.#clock.sleep(POLL_MS, signal);
      } catch {
        // The agent's own calls report what is wrong; a watch only has a gap.
        version = null;
        this.#listeners.fall();
        await this.#clock.sleep(PROBLEM_PAUSE_MS, signal);
      }
    }
    this.#polling = null;
    this.#listeners.fall();
  }

  async #expire(): Promise<boolean> {
    if (!this.#connection.hasExpired()) return false;
    await this.#connection.transact(
      "write",
      (store) => store.expire(this.#clock.now()),
      LIMITS,
    );
    return true;
  }

  /** Tells what has changed after `seen`; how far that goes. */
  async #look(seen: Counter): Promise<Counter> {
    const found = await this.#connection.transact(
      "read",
      (store) => store.changesSince(seen),
      LIMITS,
    );
    if (found.kind === "lost") this.#listeners.fall();
    else for (const change of found.changes) this.#listeners.tell(change);
    this.#listeners.stand();
    return found.upTo;
  }
}
