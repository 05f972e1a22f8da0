/**
 * Lets clients go before a planned stop: ends their sessions one by one while
 * they are idle outside a transaction, and tells how many are still at work.
 * Our own sessions and those of walsenders stay.
 */
import type { Query } from "./sql.ts";

const QUERY_TIMEOUT_MS = 2_000;

/** Which sessions are meant, in milliseconds. */
export interface SessionLimits {
  /** Idle for that long at least; 0: also those that have just become idle. */
  readonly idleMsMin: number;
  /** Sessions that began later are ended, but not counted. */
  readonly ageMsMin: number;
}

/**
 * Ends the clients' sessions that have been idle for a while; a session that
 * rests only between two statements of a busy client is better left alone.
 *
 * @returns How many client sessions of that age are left.
 *
 * Source: PostgreSQL 15 manual, "pg_stat_activity" and "pg_terminate_backend".
 */
export async function endIdleSessions(
  query: Query,
  { idleMsMin, ageMsMin }: SessionLimits,
): Promise<number> {
  const isIdle = `state = 'idle' AND clock_timestamp() - state_change >=
    interval '${Math.round(idleMsMin)} ms'`;
  const sessions = await query(
    `SELECT pid, ${isIdle} AS is_idle,
       clock_timestamp() - backend_start >=
         interval '${Math.round(ageMsMin)} ms' AS is_old
     FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
       AND application_name <> 'Matriarch'`,
    QUERY_TIMEOUT_MS,
  );
  let left = 0;
  for (const { pid, is_idle: wasIdle, is_old: isOld } of sessions) {
    // Looked at again right before: a client may begin a transaction at any time.
    const ended = wasIdle === true && (await query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_get_activity(${
            Number(pid)
          }) WHERE ${isIdle}`,
          QUERY_TIMEOUT_MS,
        )).length > 0;
    if (isOld === true && !ended) left++;
  }
  return left;
}
