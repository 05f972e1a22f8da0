/** Rows of the SQLite file, as values of the port. */
import {
  type LeaseId,
  leaseId,
  type Revision,
  revision,
} from "../../core/base/units.ts";
import type { DcsChange, DcsEntry } from "../../ports/dcs.ts";

/** One row as node:sqlite gives it. */
export type Row = Readonly<Record<string, unknown>>;

/** A row of `entries`. */
export function entryOf(row: Row): DcsEntry {
  const lease = row["lease_id"];
  return {
    key: String(row["key"]),
    value: String(row["value"]),
    revision: revisionOf(row["revision"]),
    leaseId: lease === null ? null : leaseId(String(lease)),
  };
}

/** A row of `changes`. */
export function changeOf(row: Row): DcsChange {
  const value = row["value"];
  return {
    key: String(row["key"]),
    value: value === null ? null : String(value),
    revision: revisionOf(row["revision"]),
  };
}

/** A revision column; absent counts as 0. */
export function revisionOf(value: unknown): Revision {
  return revision(numberOf(value) ?? 0);
}

/** A numeric column, or `null`. */
export function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

/** The row id that SQLite uses for a lease; `null`: no such id can exist. */
export function leaseRowId(id: LeaseId): number | null {
  return /^[0-9]{1,15}$/.test(id) ? Number(id) : null;
}
