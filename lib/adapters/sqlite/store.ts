/**
 * The SQL behind the embedded store: every method is one transaction's work on
 * an open connection, synchronous and short.
 *
 * Owns revisions, guards and what an expired lease means. Locking, time limits
 * and the file itself are `connection.ts`'s business.
 */
import type { DatabaseSync } from "node:sqlite";
import {
  type LeaseId,
  leaseId,
  type Moment,
  type Revision,
} from "../../core/base/units.ts";
import type {
  DcsChange,
  DcsEntry,
  DcsGuard,
  DcsResult,
  DcsSnapshot,
  DcsWrite,
  LeaseAnswer,
} from "../../ports/dcs.ts";
import { LeaseGoneError } from "../../ports/errors.ts";
import {
  changeOf,
  entryOf,
  leaseRowId,
  numberOf,
  revisionOf,
} from "./rows_codec.ts";
import { CHANGES_KEPT, IS_ALIVE } from "./schema.ts";

/** What happened after a revision, or that too much did. */
export type ChangesSince =
  | {
    readonly kind: "complete";
    readonly changes: readonly DcsChange[];
    readonly upTo: Revision;
  }
  | { readonly kind: "lost"; readonly upTo: Revision };

/** One scope's view of an open file. */
export class SqliteStore {
  readonly #db: DatabaseSync;
  readonly #scope: string;

  constructor(db: DatabaseSync, scopePath: string) {
    this.#db = db;
    this.#scope = scopePath;
  }

  /** All keys; those of expired leases are already gone. */
  read(now: Moment): DcsSnapshot {
    const rows = this.#db.prepare(
      `SELECT key, value, revision, lease_id FROM entries
       WHERE scope = :scope AND (lease_id IS NULL OR lease_id IN
         (SELECT id FROM leases WHERE ${IS_ALIVE}))
       ORDER BY key`,
    ).all({ scope: this.#scope, now });
    return { revision: this.#revision(), entries: rows.map(entryOf) };
  }

  /** Whether {@link expire} has something to do. */
  hasExpired(now: Moment): boolean {
    const row = this.#db.prepare(
      `SELECT 1 FROM leases WHERE NOT (${IS_ALIVE}) LIMIT 1`,
    ).get({ now });
    return row !== undefined;
  }

  /** Deletes the keys of expired leases, in all scopes, in one revision. */
  expire(now: Moment): void {
    const gone = this.#db.prepare(
      `SELECT id FROM leases WHERE NOT (${IS_ALIVE})`,
    ).all({ now });
    const keys = gone.flatMap((lease) =>
      this.#db.prepare("SELECT scope, key FROM entries WHERE lease_id = :id")
        .all({ id: numberOf(lease["id"]) })
    );
    for (const lease of gone) {
      this.#db.prepare("DELETE FROM leases WHERE id = :id")
        .run({ id: numberOf(lease["id"]) });
    }
    if (keys.length === 0) return;
    const changed = this.#bump();
    for (const row of keys) {
      const place = { scope: String(row["scope"]), key: String(row["key"]) };
      this.#delete(place, changed);
    }
  }

  /** @throws {LeaseGoneError} If a put names a lease that is gone. */
  write(write: DcsWrite, now: Moment): DcsResult {
    const stored = this.#entry(write.key);
    const other = write.onlyWhile;
    const isHeld = guardHolds(write.guard, stored) &&
      (other === undefined ||
        this.#entry(other.key)?.revision === other.revision);
    if (!isHeld) return { kind: "guard_failed" };
    const place = { scope: this.#scope, key: write.key };
    if (write.kind === "delete") {
      if (stored === null) return { kind: "done", revision: this.#revision() };
      const changed = this.#bump();
      this.#delete(place, changed);
      return { kind: "done", revision: changed };
    }
    const lease = write.leaseId === null
      ? null
      : this.#aliveLease(write.leaseId, now);
    if (write.leaseId !== null && lease === null) {
      throw new LeaseGoneError(
        `Cannot put "${write.key}": requested lease not found`,
      );
    }
    const changed = this.#bump();
    this.#db.prepare(
      `INSERT OR REPLACE INTO entries
       VALUES (:scope, :key, :value, :revision, :lease)`,
    ).run({
      ...place,
      value: write.value,
      revision: Number(changed),
      lease,
    });
    this.#record(place, { value: write.value, changed });
    return { kind: "done", revision: changed };
  }

  /** Deletes all keys of the scope in one revision. */
  removeScope(): void {
    const rows = this.#db.prepare(
      "SELECT key FROM entries WHERE scope = :scope",
    ).all({ scope: this.#scope });
    if (rows.length === 0) return;
    const changed = this.#bump();
    for (const row of rows) {
      this.#delete({ scope: this.#scope, key: String(row["key"]) }, changed);
    }
  }

  /** A new lease. */
  grant(ttlMs: number, now: Moment): LeaseId {
    const { lastInsertRowid } = this.#db.prepare(
      "INSERT INTO leases (ttl_ms, expires_at) VALUES (:ttlMs, :expiresAt)",
    ).run({ ttlMs, expiresAt: now + ttlMs });
    return leaseId(String(lastInsertRowid));
  }

  /** Restarts the lease's time, if it is still there. */
  renew(id: LeaseId, now: Moment): LeaseAnswer {
    const { changes } = this.#db.prepare(
      `UPDATE leases SET expires_at = :now + ttl_ms
       WHERE id = :id AND ${IS_ALIVE}`,
    ).run({ id: leaseRowId(id), now });
    return Number(changes) > 0
      ? { kind: "alive", leaseId: id }
      : { kind: "gone" };
  }

  /** The scope's changes after `since`, in order. */
  changesSince(since: Revision): ChangesSince {
    const upTo = this.#revision();
    const kept = this.#db.prepare(
      "SELECT min(id) AS id, min(revision) AS revision FROM changes",
    ).get();
    const firstId = numberOf(kept?.["id"]) ?? 1;
    // Of the oldest revision some keys may be pruned already.
    const isComplete = firstId === 1 || since === upTo ||
      since >= revisionOf(kept?.["revision"]);
    if (!isComplete || since > upTo) return { kind: "lost", upTo };
    const rows = this.#db.prepare(
      `SELECT key, value, revision FROM changes
       WHERE scope = :scope AND revision > :since ORDER BY id`,
    ).all({ scope: this.#scope, since: Number(since) });
    return { kind: "complete", changes: rows.map(changeOf), upTo };
  }

  #revision(): Revision {
    const row = this.#db.prepare("SELECT revision FROM counter").get();
    return revisionOf(row?.["revision"]);
  }

  #bump(): Revision {
    const row = this.#db.prepare(
      "UPDATE counter SET revision = revision + 1 RETURNING revision",
    ).get();
    return revisionOf(row?.["revision"]);
  }

  #entry(key: string): DcsEntry | null {
    const row = this.#db.prepare(
      `SELECT key, value, revision, lease_id FROM entries
       WHERE scope = :scope AND key = :key`,
    ).get({ scope: this.#scope, key });
    return row === undefined ? null : entryOf(row);
  }

  #aliveLease(id: LeaseId, now: Moment): number | null {
    const row = this.#db.prepare(
      `SELECT id FROM leases WHERE id = :id AND ${IS_ALIVE}`,
    ).get({ id: leaseRowId(id), now });
    return numberOf(row?.["id"]);
  }

  #delete(place: Place, changed: Revision): void {
    this.#db.prepare(
      "DELETE FROM entries WHERE scope = :scope AND key = :key",
    ).run({ ...place });
    this.#record(place, { value: null, changed });
  }

  #record(
    place: Place,
    change: { readonly value: string | null; readonly changed: Revision },
  ): void {
    const { lastInsertRowid } = this.#db.prepare(
      `INSERT INTO changes (scope, key, value, revision)
       VALUES (:scope, :key, :value, :revision)`,
    ).run({ ...place, value: change.value, revision: Number(change.changed) });
    this.#db.prepare("DELETE FROM changes WHERE id <= :last")
      .run({ last: Number(lastInsertRowid) - CHANGES_KEPT });
  }
}

interface Place {
  readonly scope: string;
  readonly key: string;
}

function guardHolds(guard: DcsGuard, stored: DcsEntry | null): boolean {
  switch (guard.kind) {
    case "none":
      return true;
    case "absent":
      return stored === null;
    case "value_is":
      return stored?.value === guard.value;
    case "revision_is":
      return stored?.revision === guard.revision;
  }
}
