/**
 * The watch: a lasting one on the scope and all below it, set on each new
 * connection, and shared by all listeners of a process.
 *
 * ZooKeeper tells that something has changed, not what it became. So each event
 * leads to a read of the scope, and what has changed is found by comparing; that
 * misses nothing over a broken connection either.
 */
import { revision } from "../../core/base/units.ts";
import { changesBetween } from "../../dcs/changes.ts";
import { DcsListeners } from "../../dcs/listeners.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsLimits, DcsListener } from "../../ports/dcs.ts";
import { watchBelow } from "./calls.ts";
import type { ZkConnection } from "./connection.ts";
import { GUARD_NAME } from "./plan.ts";
import type { ScopeReader } from "./reader.ts";
import { entriesOf, type StoredScope } from "./tree.ts";

const LIMITS: DcsLimits = { timeoutMs: 5000 };
const PROBLEM_PAUSE_MS = 200;

/** What the watch needs. */
export interface WatcherParts {
  readonly reader: ScopeReader;
  readonly connect: (limits: DcsLimits) => Promise<ZkConnection>;
  readonly clock: Clock;
  readonly scopePath: string;
}

/** Feeds the listeners of one client. */
export class ScopeWatcher {
  readonly #parts: WatcherParts;
  readonly #listeners = new DcsListeners();
  readonly #closing = new AbortController();
  #running: Promise<void> | null = null;
  /** What the listeners know; null: the watch does not stand yet. */
  #known: StoredScope | null = null;
  /** Settles with the next event, or when the connection ends. */
  #stirred = Promise.withResolvers<void>();

  constructor(parts: WatcherParts) {
    this.#parts = parts;
  }

  /** Adds a listener until `signal` aborts. */
  add(listener: DcsListener, signal: AbortSignal): void {
    this.#listeners.add(listener, signal);
    if (this.#listeners.isEmpty) return;
    signal.addEventListener("abort", () => this.#stirred.resolve(), {
      once: true,
    });
    this.#running ??= this.#run();
  }

  /** Something has changed at that path. */
  onEvent(path: string): void {
    // Guards come and go within one change.
    if (!path.includes(`/${GUARD_NAME}`)) this.#stirred.resolve();
  }

  /** Ends the watch. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#listeners.close();
    this.#stirred.resolve();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, connect, reader, scopePath } = this.#parts;
    const { signal } = this.#closing;
    let watched: ZkConnection | null = null;
    while (!signal.aborted && !this.#listeners.isEmpty) {
      try {
        const connection = await connect(LIMITS);
        if (connection !== watched) {
          await watchBelow(connection, scopePath, LIMITS.timeoutMs);
          watched = connection;
          connection.ended.then(() => this.#stirred.resolve());
        }
        // What comes from here on is told by the next read.
        this.#stirred = Promise.withResolvers();
        const scope = await reader.current(LIMITS);
        if (signal.aborted) break;
        if (reader.isOutdated(scope)) continue;
        this.#take(scope);
        if (connection.isOpen) await this.#stirred.promise;
      } catch {
        // Calls report what is wrong with ZooKeeper; here the answer is to go on.
        await clock.sleep(PROBLEM_PAUSE_MS, signal);
      }
    }
    this.#running = null;
    this.#known = null;
    this.#listeners.fall();
  }

  #take(scope: StoredScope): void {
    const known = this.#known;
    this.#known = scope;
    if (known !== null && scope.at < known.at) {
      this.#listeners.fall();
    } else if (known !== null) {
      const at = revision(scope.at);
      const [before, now] = [entriesOf(known, null), entriesOf(scope, null)];
      for (const change of changesBetween(before, now, at)) {
        this.#listeners.tell(change);
      }
    }
    this.#listeners.stand();
  }
}
