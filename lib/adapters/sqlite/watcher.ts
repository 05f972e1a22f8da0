/**
 * The watch of the embedded store: a poll of SQLite's change counter, shared by
 * all listeners of a process.
 *
 * The same poll clears away expired leases, so that every process of the host
 * sees a lost leader within two polls of the lease's end.
 */
import type { Clock } from "../../ports/clock.ts";
import type { DcsChange, DcsListener } from "../../ports/dcs.ts";
import type { SqliteConnection } from "./connection.ts";
import type { Counter } from "./rows_codec.ts";

const POLL_MS = 25;
const PROBLEM_PAUSE_MS = 250;
const LIMITS = { timeoutMs: 1000 };
const NOTHING_SEEN: Counter = 0;

interface Watch {
  readonly listener: DcsListener;
  /** Null: the listener has to be told to read again. */
  seen: Counter | null;
}

/** Feeds the listeners of one client. */
export class SqliteWatcher {
  readonly #connection: SqliteConnection;
  readonly #clock: Clock;
  readonly #watches = new Set<Watch>();
  readonly #closing = new AbortController();
  #polling: Promise<void> | null = null;

  constructor(connection: SqliteConnection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  /** Adds a listener until `signal` aborts. */
  add(listener: DcsListener, signal: AbortSignal): void {
    if (signal.aborted || this.#closing.signal.aborted) return;
    const watch: Watch = { listener, seen: null };
    this.#watches.add(watch);
    signal.addEventListener("abort", () => this.#watches.delete(watch), {
      once: true,
    });
    this.#polling ??= this.#poll();
  }

  /** Ends the poll and waits for its end. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#watches.clear();
    await this.#polling;
  }

  async #poll(): Promise<void> {
    const { signal } = this.#closing;
    let version: unknown = null;
    while (!signal.aborted && this.#watches.size > 0) {
      try {
        const isExpiryOurs = await this.#expire();
        // The counter is read first: what is committed later moves it again.
        const current = this.#connection.dataVersion();
        if (current !== version || isExpiryOurs || this.#isAnyNew()) {
          await this.#look();
        }
        version = current;
        await this.#clock.sleep(POLL_MS, signal);
      } catch {
        // The agent's own calls report what is wrong; a watch only has a gap.
        version = null;
        for (const watch of this.#watches) watch.seen = null;
        await this.#clock.sleep(PROBLEM_PAUSE_MS, signal);
      }
    }
    this.#polling = null;
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

  #isAnyNew(): boolean {
    return [...this.#watches].some((watch) => watch.seen === null);
  }

  async #look(): Promise<void> {
    for (const watch of [...this.#watches]) {
      const { seen } = watch;
      const found = await this.#connection.transact(
        "read",
        (store) => store.changesSince(seen ?? NOTHING_SEEN),
        LIMITS,
      );
      watch.seen = found.upTo;
      if (seen === null || found.kind === "lost") watch.listener.onReset();
      else this.#tell(watch, found.changes);
    }
  }

  #tell(watch: Watch, changes: readonly DcsChange[]): void {
    for (const change of changes) {
      if (this.#watches.has(watch)) watch.listener.onChange(change);
    }
  }
}
