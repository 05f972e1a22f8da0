/**
 * The one query of `observe()`: everything that a running instance says of
 * itself, in one row, for primaries and standbys of PostgreSQL 13 to 18.
 *
 * Functions that one of the two roles rejects stand inside a CASE. Between two
 * of them a promotion may happen; the caller asks again then.
 */

import { RECOVERY_NAMES } from "../../../core/base/recovery_names.ts";

const TIME_FORMAT = "'YYYY-MM-DD HH24:MI:SS.USTZH:TZM'";

const SENDERS = `(SELECT coalesce(json_agg(json_build_object(
    'application_name', r.application_name, 'usename', r.usename,
    'client_addr', host(r.client_addr), 'state', r.state,
    'sync_state', r.sync_state, 'sync_priority', r.sync_priority,
    'write_lsn', r.write_lsn,
    'flush_lsn', r.flush_lsn, 'replay_lsn', r.replay_lsn)), '[]')
  FROM pg_stat_replication r)`;

/**
 * The columns of failover slots exist from version 17 on. PostgreSQL itself keeps
 * those slots; only one that a standby made while it was a primary is shown,
 * because it keeps the real one from being synchronized.
 *
 * Source: PostgreSQL 17 manual, "Replication Slot Synchronization".
 */
const SLOTS = `(SELECT coalesce(json_agg(to_json(s)), '[]')
  FROM pg_replication_slots s
  WHERE NOT s.temporary AND (
    NOT coalesce((to_json(s)->>'failover')::bool, false) OR
    pg_is_in_recovery() AND NOT (to_json(s)->>'synced')::bool))`;

const RECEIVER = `(SELECT json_build_object('status', w.status,
    'received_tli', w.received_tli, 'latest_end_lsn', w.latest_end_lsn)
  FROM pg_stat_wal_receiver w LIMIT 1)`;

/**
 * What a standby runs with, a JSON object; names that its version does not know
 * are null. Cheap: pg_settings would show all three hundred.
 */
export const RECOVERY_SETTINGS = `json_build_object(${
  [...RECOVERY_NAMES].map((name) =>
    `'${name}', current_setting('${name}', true)`
  ).join(", ")
})`;

/** One row with all that the instance says of itself; `status_codec.ts` reads it. */
export const STATUS_QUERY = `SELECT
  pg_is_in_recovery() AS is_in_recovery,
  pg_backend_pid() AS backend_pid,
  (SELECT system_identifier::text FROM pg_control_system()) AS system_id,
  (SELECT timeline_id FROM pg_control_checkpoint()) AS checkpoint_timeline,
  (SELECT min_recovery_end_timeline FROM pg_control_recovery())
    AS recovery_timeline,
  current_setting('server_version_num')::int AS server_version,
  to_char(pg_postmaster_start_time(), ${TIME_FORMAT}) AS start_time,
  pg_conf_load_time()::text AS loaded_at,
  current_setting('synchronous_standby_names') AS synchronous_standby_names,
  current_setting('restore_command') <> '' AS has_restore_command,
  CASE WHEN pg_is_in_recovery() THEN ${RECOVERY_SETTINGS} END
    AS recovery_settings,
  CASE WHEN pg_is_in_recovery() THEN NULL
    ELSE pg_current_wal_flush_lsn()::text END AS flushed_lsn,
  CASE WHEN pg_is_in_recovery() THEN NULL
    ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END AS timeline,
  pg_last_wal_receive_lsn()::text AS received_lsn,
  pg_last_wal_replay_lsn()::text AS replayed_lsn,
  to_char(pg_last_xact_replay_timestamp(), ${TIME_FORMAT})
    AS replayed_timestamp,
  CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused()
    ELSE false END AS is_replay_paused,
  ${RECEIVER} AS receiver,
  ${SENDERS} AS wal_senders,
  ${SLOTS} AS slots`;

/** Asked over a replication connection: the timeline that is being replayed. */
export const IDENTIFY_SYSTEM = "IDENTIFY_SYSTEM";
