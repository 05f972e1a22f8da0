/**
 * The connection to the SQLite file: opens it, notices when it is locked or was
 * taken away, and keeps the time limit of each call.
 *
 * SQLite's own busy wait would stop the whole process, HA loop included; so it is
 * off, and a locked file is tried again on the Clock until the limit is over.
 */
import { closeSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import { DcsRefusedError, DcsUnreachableError } from "../../ports/errors.ts";
import { SCHEMA } from "./schema.ts";
import { SqliteStore } from "./store.ts";

const RETRY_PAUSE_MS = 10;

/** How a transaction locks the file. */
export type TransactionKind = "read" | "write";

/** What a connection needs to know. */
export interface ConnectionOptions {
  readonly path: string;
  readonly scopePath: string;
  readonly clock: Clock;
  /** Whether the file must be there already; else the first call makes it. */
  readonly mustExist?: boolean;
}

interface Open {
  readonly db: DatabaseSync;
  readonly store: SqliteStore;
  readonly inode: bigint;
}

/** One process's connection to the file. */
export class SqliteConnection {
  readonly #options: ConnectionOptions;
  #open: Open | null = null;
  /** A file that was there once is never made anew: that would be an empty scope. */
  #hasBeenOpen = false;
  #isClosed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /**
   * Runs `work` in one transaction.
   *
   * @throws {DcsUnreachableError} If the file is locked for longer than the
   * limit, gone, or broken.
   * @throws {DcsRefusedError} As thrown by `work`, after a rollback.
   */
  async transact<T>(
    kind: TransactionKind,
    work: (store: SqliteStore) => T,
    limits: DcsLimits,
  ): Promise<T> {
    const { clock } = this.#options;
    const deadline = after(clock.now(), limits.timeoutMs);
    for (;;) {
      try {
        return this.#transactNow(kind, work);
      } catch (error) {
        if (error instanceof DcsRefusedError) throw error;
        const isOver = clock.now() >= deadline;
        if (isOver || !isBusy(error)) throw this.#unreachable(error);
        await clock.sleep(RETRY_PAUSE_MS);
      }
    }
  }

  /** SQLite's counter that moves when another connection commits. */
  dataVersion(): unknown {
    const { db } = this.#opened();
    return db.prepare("PRAGMA data_version").get()?.["data_version"];
  }

  /** Whether expired leases wait to be cleared away; one cheap query. */
  hasExpired(): boolean {
    return this.#opened().store.hasExpired(this.#options.clock.now());
  }

  close(): void {
    this.#isClosed = true;
    this.#drop();
  }

  #transactNow<T>(kind: TransactionKind, work: (store: SqliteStore) => T): T {
    const { db, store } = this.#opened();
    db.exec(kind === "write" ? "BEGIN IMMEDIATE" : "BEGIN");
    try {
      const result = work(store);
      db.exec("COMMIT");
      return result;
    } catch (error) {
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  }

  #opened(): Open {
    if (this.#isClosed) throw new Error("the connection is closed");
    const { path } = this.#options;
    if (this.#open !== null && this.#open.inode !== inodeOf(path)) {
      this.#drop();
    }
    if (this.#open !== null) return this.#open;
    const isMissing = inodeOf(path) === null;
    if (isMissing && this.#hasBeenOpen) throw new Error("the file was removed");
    if (isMissing && this.#options.mustExist === true) {
      throw new Error("there is no such file; an agent makes it");
    }
    this.#open = openFile(this.#options);
    this.#hasBeenOpen = true;
    return this.#open;
  }

  #drop(): void {
    this.#open?.db.close();
    this.#open = null;
  }

  #unreachable(cause: unknown): DcsUnreachableError {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new DcsUnreachableError(
      `Cannot use the SQLite file ${this.#options.path}: ${why}`,
      { cause },
    );
  }
}

function openFile(options: ConnectionOptions): Open {
  const { path, scopePath } = options;
  makePrivate(path);
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    db.exec("PRAGMA journal_mode = WAL");
    // The keys must survive a power cut: who leads next depends on them.
    db.exec("PRAGMA synchronous = FULL");
    db.exec("BEGIN IMMEDIATE");
    db.exec(SCHEMA);
    db.exec("COMMIT");
    const inode = inodeOf(path);
    if (inode === null) throw new Error("the file was removed");
    return { db, store: new SqliteStore(db, scopePath), inode };
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Whoever may read the file may lock it, and so keep the leader from renewing
 * its lease. SQLite gives its files beside it the mode of the file.
 */
function makePrivate(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, "a", 0o600));
}

function inodeOf(path: string): bigint | null {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat?.ino ?? null;
}

/** Deno's node:sqlite gives no result code (SQLITE_BUSY, SQLITE_LOCKED), only its text. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && /\bis locked\b/.test(error.message);
}
