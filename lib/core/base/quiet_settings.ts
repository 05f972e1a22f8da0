/**
 * Settings, the server's and those of usual extensions, by which a statement with
 * its password would get into the server's log or into a view, and their quiet
 * values. A server only knows some of them.
 *
 * Source: PostgreSQL 17 manual, "Error Reporting and Logging" and
 * "pg_stat_statements"; the manual of pgAudit, "Settings".
 */
export const QUIET_SETTINGS: readonly (readonly [string, string])[] = [
  ["log_statement", "none"],
  ["log_min_duration_statement", "-1"],
  ["log_min_duration_sample", "-1"],
  ["log_transaction_sample_rate", "0"],
  ["log_min_error_statement", "panic"],
  ["debug_print_raw_parse", "off"],
  ["debug_print_parse", "off"],
  ["debug_print_rewritten", "off"],
  ["debug_print_plan", "off"],
  ["pg_stat_statements.track_utility", "off"],
  ["pgaudit.log", "none"],
];

/** Statement that silences the session that runs it. */
export function silenceSql(): string {
  const rows = QUIET_SETTINGS.map(([name, value]) => `('${name}', '${value}')`);
  return "SELECT set_config(name, value, false) FROM pg_settings " +
    `JOIN (VALUES ${rows.join(", ")}) AS quiet (name, value) USING (name)`;
}
