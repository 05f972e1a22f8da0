/** Rows of the SQLite file, as values of the port. */
import { revision, type SessionId } from "../../core/base/units.ts";
import type { DcsChange, DcsEntry } from "../../ports/dcs.ts";

/** One row as node:sqlite gives it. */
export type Row = Readonly<Record<string, unknown>>;

/** Where the file's counter of changes stands. */
export type Counter = number;

/** A row of `entries`, as the process whose session is `held` sees it. */
export function entryOf(row: Row, held: SessionId | null): DcsEntry {
  const lease = row["lease_id"];
  return {
    key: String(row["key"]),
    value: String(row["value"]),
    revision: revision(counterOf(row["revision"])),
    isHeld: lease !== null && String(lease) === held,
  };
}

/** A row of `changes`. */
export function changeOf(row: Row): DcsChange {
  const value = row["value"];
  return {
    key: String(row["key"]),
    value: value === null ? null : String(value),
    revision: revision(counterOf(row["revision"])),
  };
}

/** A revision column; absent counts as 0. */
export function counterOf(value: unknown): Counter {
  return numberOf(value) ?? 0;
}

/** A numeric column, or `null`. */
export function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

/** The row of a session in `leases`; `null`: no such row can exist. */
export function leaseRowId(id: SessionId): number | null {
  return /^[0-9]{1,15}$/.test(id) ? Number(id) : null;
}
