/**
 * Names of PostgreSQL's recovery settings: who owns them is the agent, so they
 * never stand among the ordinary parameters, wherever those come from.
 *
 * Source: PostgreSQL 17 manual, "Write Ahead Log: Archive Recovery" and
 * "Replication: Standby Servers"; Appendix O for the names that are gone.
 */
export const RECOVERY_NAMES: ReadonlySet<string> = new Set([
  "archive_cleanup_command",
  "pause_at_recovery_target",
  "primary_conninfo",
  "primary_slot_name",
  "promote_trigger_file",
  "recovery_end_command",
  "recovery_min_apply_delay",
  "recovery_target",
  "recovery_target_action",
  "recovery_target_inclusive",
  "recovery_target_lsn",
  "recovery_target_name",
  "recovery_target_time",
  "recovery_target_timeline",
  "recovery_target_xid",
  "restore_command",
  "standby_mode",
  "trigger_file",
]);
