/**
 * Lets clients go before a planned stop: ends their sessions one by one while
 * they are idle outside a transaction, and tells how many are still at work.
 * Our own sessions and those of walsenders stay.
 */
import type { Query } from "./sql.ts";

const QUERY_TIMEOUT_MS = 2_000;

/**
 * Ends the clients' sessions that have been idle for a while; a session that
 * rests only between two statements of a busy client is better left alone.
 *
 * @param idleMsMin 0: also those that have just become idle.
 * @returns How many client sessions are left.
 *
 * Source: PostgreSQL 15 manual, "pg_stat_activity" and "pg_terminate_backend".
 */
export async function endIdleSessions(
  query: Query,
  idleMsMin: number,
): Promise<number> {
  const rows = await query(
    `SELECT count(*)::int AS clients, coalesce(sum(
       CASE WHEN state = 'idle' AND clock_timestamp() - state_change >=
           interval '${Math.round(idleMsMin)} ms'
         THEN pg_terminate_backend(pid)::int END), 0)::int AS ended
     FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
       AND application_name <> 'Matriarch'`,
    QUERY_TIMEOUT_MS,
  );
  const [row] = rows;
  return Number(row?.["clients"] ?? 0) - Number(row?.["ended"] ?? 0);
}
