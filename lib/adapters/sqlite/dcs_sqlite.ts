/**
 * The embedded DCS of one-host labs: a SQLite file that the processes of one
 * host share.
 *
 * Owns nothing but the port's shape: what a call means is in `store.ts`, how the
 * file is reached in `connection.ts`, how changes are seen in `watcher.ts`.
 * Sessions run on the host's boot-time clock, which all its processes share.
 */
import type { Moment, SessionId } from "../../core/base/units.ts";
import type {
  Dcs,
  DcsCapabilities,
  DcsLimits,
  DcsListener,
  DcsResult,
  DcsSession,
  DcsSnapshot,
  DcsWrite,
  RenewAnswer,
} from "../../ports/dcs.ts";
import { type ConnectionOptions, SqliteConnection } from "./connection.ts";
import type { SqliteStore } from "./store.ts";
import { SqliteWatcher } from "./watcher.ts";

const CAPABILITIES: DcsCapabilities = {
  hasTransactions: true,
  mayForget: false,
  isSnapshotAtomic: true,
  expiry: "store",
  ttlMinMs: 1,
};

/** Port Dcs on a SQLite file. Every read is fresh: there is no cache. */
export class DcsSqlite implements Dcs {
  readonly #options: ConnectionOptions;
  readonly #connection: SqliteConnection;
  /** Its own connection: SQLite's change counter ignores the own commits. */
  readonly #watching: SqliteConnection;
  readonly #watcher: SqliteWatcher;
  readonly capabilities: DcsCapabilities = CAPABILITIES;
  /** The session that this process opened last. */
  #held: SessionId | null = null;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#connection = new SqliteConnection(options);
    this.#watching = new SqliteConnection(options);
    this.#watcher = new SqliteWatcher(this.#watching, options.clock);
  }

  read(limits: DcsLimits): Promise<DcsSnapshot> {
    return this.readFresh(limits);
  }

  readFresh(limits: DcsLimits): Promise<DcsSnapshot> {
    const { clock } = this.#options;
    return this.#connection.transact(
      "read",
      (store) => store.read(clock.now(), this.#held),
      limits,
    );
  }

  write(write: DcsWrite, limits: DcsLimits): Promise<DcsResult> {
    return this.#change((store, now) => store.write(write, now), limits);
  }

  removeScope(limits: DcsLimits): Promise<void> {
    return this.#change((store) => store.removeScope(), limits);
  }

  async openSession(ttlMs: number, limits: DcsLimits): Promise<DcsSession> {
    const session = await this.#change(
      (store, now) => store.open(ttlMs, now),
      limits,
    );
    this.#held = session.id;
    return session;
  }

  renewSession(id: SessionId, limits: DcsLimits): Promise<RenewAnswer> {
    return this.#change((store, now) => store.renew(id, now), limits);
  }

  watch(listener: DcsListener, signal: AbortSignal): void {
    this.#watcher.add(listener, signal);
  }

  async close(): Promise<void> {
    await this.#watcher.close();
    this.#watching.close();
    this.#connection.close();
  }

  /** Expired keys are cleared away first, so that no condition sees them. */
  #change<T>(
    work: (store: SqliteStore, now: Moment) => T,
    limits: DcsLimits,
  ): Promise<T> {
    return this.#connection.transact("write", (store) => {
      const now = this.#options.clock.now();
      store.expire(now);
      return work(store, now);
    }, limits);
  }
}
