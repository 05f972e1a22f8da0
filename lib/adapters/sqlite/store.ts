/**
 * The SQL behind the embedded store: every method is one transaction's work on
 * an open connection, synchronous and short.
 *
 * Owns revisions, conditions and what an expired session means. Locking, time limits
 * and the file itself are `connection.ts`'s business.
 */
import type { DatabaseSync } from "node:sqlite";
import {
  type Moment,
  revision,
  type SessionId,
  sessionId,
} from "../../core/base/units.ts";
import type {
  DcsChange,
  DcsCondition,
  DcsEdit,
  DcsEntry,
  DcsResult,
  DcsSession,
  DcsSnapshot,
  DcsWrite,
  RenewAnswer,
} from "../../ports/dcs.ts";
import { SessionGoneError } from "../../ports/errors.ts";
import {
  changeOf,
  type Counter,
  counterOf,
  entryOf,
  leaseRowId,
  numberOf,
} from "./rows_codec.ts";
import { CHANGES_KEPT, IS_ALIVE } from "./schema.ts";

/** What happened after a revision, or that too much did. */
export type ChangesSince =
  | {
    readonly kind: "complete";
    readonly changes: readonly DcsChange[];
    readonly upTo: Counter;
  }
  | { readonly kind: "lost"; readonly upTo: Counter };

/** One scope's view of an open file. */
export class SqliteStore {
  readonly #db: DatabaseSync;
  readonly #scope: string;

  constructor(db: DatabaseSync, scopePath: string) {
    this.#db = db;
    this.#scope = scopePath;
  }

  /** All keys; those of expired sessions are already gone. */
  read(now: Moment, held: SessionId | null): DcsSnapshot {
    const rows = this.#db.prepare(
      `SELECT key, value, revision, lease_id FROM entries
       WHERE scope = :scope AND (lease_id IS NULL OR lease_id IN
         (SELECT id FROM leases WHERE ${IS_ALIVE}))
       ORDER BY key`,
    ).all({ scope: this.#scope, now });
    return { entries: rows.map((row) => entryOf(row, held)) };
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

  /** @throws {SessionGoneError} If a put names a session that is gone. */
  write(write: DcsWrite, now: Moment): DcsResult {
    const isHeld = write.when.every((one) => holds(one, this.#entry(one.key)));
    if (!isHeld) return { kind: "condition_failed" };
    const edits = write.edits.filter((edit) =>
      edit.kind === "put" || this.#entry(edit.key) !== null
    );
    const leases = edits.map((edit) => this.#leaseOf(edit, now));
    const changed = edits.length === 0 ? this.#counter() : this.#bump();
    for (const [at, edit] of edits.entries()) {
      const place = { scope: this.#scope, key: edit.key };
      if (edit.kind === "delete") this.#delete(place, changed);
      else {
        const { value } = edit;
        this.#put(place, { value, changed, lease: leases[at] ?? null });
      }
    }
    return { kind: "done", revision: revision(changed) };
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

  /** A new session. */
  open(ttlMs: number, now: Moment): DcsSession {
    const { lastInsertRowid } = this.#db.prepare(
      "INSERT INTO leases (ttl_ms, expires_at) VALUES (:ttlMs, :expiresAt)",
    ).run({ ttlMs, expiresAt: now + ttlMs });
    return { id: sessionId(String(lastInsertRowid)), ttlMs };
  }

  /** Restarts the session's time, if it is still there. */
  renew(id: SessionId, now: Moment): RenewAnswer {
    const { changes } = this.#db.prepare(
      `UPDATE leases SET expires_at = :now + ttl_ms
       WHERE id = :id AND ${IS_ALIVE}`,
    ).run({ id: leaseRowId(id), now });
    return Number(changes) > 0 ? "alive" : "gone";
  }

  /** The last change after `since` of each key of the scope, in order. */
  changesSince(since: Counter): ChangesSince {
    const upTo = this.#counter();
    const kept = this.#db.prepare(
      "SELECT min(id) AS id, min(revision) AS revision FROM changes",
    ).get();
    const firstId = numberOf(kept?.["id"]) ?? 1;
    // Of the oldest revision some keys may be pruned already.
    const isComplete = firstId === 1 || since === upTo ||
      since >= counterOf(kept?.["revision"]);
    if (!isComplete || since > upTo) return { kind: "lost", upTo };
    const rows = this.#db.prepare(
      `SELECT key, value, revision FROM changes WHERE id IN
         (SELECT max(id) FROM changes
          WHERE scope = :scope AND revision > :since GROUP BY key)
       ORDER BY id`,
    ).all({ scope: this.#scope, since });
    return { kind: "complete", changes: rows.map(changeOf), upTo };
  }

  #counter(): Counter {
    const row = this.#db.prepare("SELECT revision FROM counter").get();
    return counterOf(row?.["revision"]);
  }

  #bump(): Counter {
    const row = this.#db.prepare(
      "UPDATE counter SET revision = revision + 1 RETURNING revision",
    ).get();
    return counterOf(row?.["revision"]);
  }

  #entry(key: string): DcsEntry | null {
    const row = this.#db.prepare(
      `SELECT key, value, revision, lease_id FROM entries
       WHERE scope = :scope AND key = :key`,
    ).get({ scope: this.#scope, key });
    return row === undefined ? null : entryOf(row, null);
  }

  /** The row of the session that the edit hangs its key on; null: on none. */
  #leaseOf(edit: DcsEdit, now: Moment): number | null {
    if (edit.kind === "delete" || edit.session === null) return null;
    const row = this.#db.prepare(
      `SELECT id FROM leases WHERE id = :id AND ${IS_ALIVE}`,
    ).get({ id: leaseRowId(edit.session), now });
    const lease = numberOf(row?.["id"]);
    if (lease !== null) return lease;
    throw new SessionGoneError(
      `Cannot put "${edit.key}": its session is not there any more`,
    );
  }

  #put(
    place: Place,
    { value, changed, lease }: {
      readonly value: string;
      readonly changed: Counter;
      readonly lease: number | null;
    },
  ): void {
    this.#db.prepare(
      `INSERT OR REPLACE INTO entries
       VALUES (:scope, :key, :value, :revision, :lease)`,
    ).run({ ...place, value, revision: changed, lease });
    this.#record(place, { value, changed });
  }

  #delete(place: Place, changed: Counter): void {
    this.#db.prepare(
      "DELETE FROM entries WHERE scope = :scope AND key = :key",
    ).run({ ...place });
    this.#record(place, { value: null, changed });
  }

  #record(
    place: Place,
    change: { readonly value: string | null; readonly changed: Counter },
  ): void {
    const { lastInsertRowid } = this.#db.prepare(
      `INSERT INTO changes (scope, key, value, revision)
       VALUES (:scope, :key, :value, :revision)`,
    ).run({ ...place, value: change.value, revision: change.changed });
    this.#db.prepare("DELETE FROM changes WHERE id <= :last")
      .run({ last: Number(lastInsertRowid) - CHANGES_KEPT });
  }
}

interface Place {
  readonly scope: string;
  readonly key: string;
}

function holds(condition: DcsCondition, stored: DcsEntry | null): boolean {
  switch (condition.kind) {
    case "absent":
      return stored === null;
    case "value_is":
      return stored?.value === condition.value;
    case "revision_is":
      return stored?.revision === condition.revision;
  }
}
