/**
 * The tables of the SQLite file. Several scopes share a file: the scope's path is
 * a column, while the revision counter is one for the whole file.
 */

/** Brings an empty or older file up to date; does nothing to a current one. */
export const SCHEMA = `
CREATE TABLE IF NOT EXISTS counter (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  revision INTEGER NOT NULL
);
INSERT OR IGNORE INTO counter VALUES (1, 1);
CREATE TABLE IF NOT EXISTS leases (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  ttl_ms REAL NOT NULL,
  expires_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS entries (
  scope TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  revision INTEGER NOT NULL,
  lease_id INTEGER,
  PRIMARY KEY (scope, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS changes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  scope TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT,
  revision INTEGER NOT NULL
);
`;

/** How many changes of the file a watch may sleep through without a reset. */
export const CHANGES_KEPT = 2000;

/**
 * Condition on `leases`: alive at the moment \`:now\` of the boot-time clock.
 *
 * More time left than the lease's whole length means that the host has been
 * restarted since, and its clock with it: such a lease is over.
 */
export const IS_ALIVE = "expires_at > :now AND expires_at - :now <= ttl_ms";
