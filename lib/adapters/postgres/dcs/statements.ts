/** The SQL of the store: one row per scope. */
import { createHash } from "node:crypto";
import type { DocumentSave } from "../../../dcs/document/document_store.ts";
import { identifier, literal } from "../session/sql.ts";

/** Of the lock under which schema and table are made; any number, the same for all. */
const MAKING_LOCK = 4_938_271_650;

/** The texts for one scope. */
export interface Statements {
  /** What kind of server this is. */
  readonly facts: string;
  /** The channel on which each save is told. */
  readonly channel: string;
  readonly listen: string;
  readonly load: string;
  save(save: DocumentSave): string;
  /** Whether the schema is there. */
  readonly hasSchema: string;
  /** Makes the table, and the schema if that is not there. */
  make(hasSchema: boolean): string;
}

/** @param schema As the configuration has it. */
export function statementsOf(schema: string, scopePath: string): Statements {
  const table = `${identifier(schema)}.scopes`;
  const scope = literal(scopePath);
  const channel = channelOf(schema, scopePath);
  const told = `pg_notify(${literal(channel)}, version)`;
  return {
    facts: FACTS,
    channel,
    listen: `LISTEN ${identifier(channel)}`,
    load: `SELECT version, document FROM ${table} WHERE scope = ${scope}`,
    save: ({ seen, version, text }) => {
      const [next, document] = [literal(version), literal(text)];
      const saved = seen === null
        ? `INSERT INTO ${table} (scope, version, document) ` +
          `VALUES (${scope}, ${next}, ${document}) ON CONFLICT DO NOTHING`
        : `UPDATE ${table} SET version = ${next}, document = ${document} ` +
          `WHERE scope = ${scope} AND version = ${literal(seen)}`;
      return `WITH saved AS (${saved} RETURNING version) ` +
        `SELECT ${told} FROM saved`;
    },
    hasSchema: `SELECT to_regnamespace(${
      literal(identifier(schema))
    }) IS NOT NULL AS has_schema`,
    // One message is one transaction, and who comes second waits for the lock.
    make: (hasSchema) =>
      `SELECT pg_advisory_xact_lock(${MAKING_LOCK}); ` +
      (hasSchema ? "" : `CREATE SCHEMA IF NOT EXISTS ${identifier(schema)}; `) +
      `CREATE TABLE IF NOT EXISTS ${table} (scope text PRIMARY KEY, ` +
      "version text NOT NULL, document text NOT NULL)",
  };
}

/**
 * A session stays on one server and one timeline: a standby that is promoted had
 * no session of ours, and a primary that becomes a standby ends them all.
 */
const FACTS = `SELECT s.in_recovery,
  current_setting('transaction_read_only') = 'on' AS is_read_only,
  current_setting('fsync') = 'on' AS has_fsync,
  (SELECT system_identifier FROM pg_control_system())::text AS system_id,
  CASE WHEN s.in_recovery THEN ''
    ELSE substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)
    END AS timeline,
  current_setting('synchronous_standby_names') <> '' AS is_synchronous,
  EXISTS (SELECT FROM pg_stat_replication) AS has_standbys
  FROM (SELECT pg_is_in_recovery() AS in_recovery) AS s`;

/** Names of channels have 63 bytes at most. */
function channelOf(schema: string, scopePath: string): string {
  const hash = createHash("sha256").update(`${schema}\n${scopePath}`);
  return `matriarch_${hash.digest("hex").slice(0, 32)}`;
}
