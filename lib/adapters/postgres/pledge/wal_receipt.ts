/** When this standby got something from its upstream last: WAL or a keep-alive. */
import { after, type Moment } from "../../../core/base/units.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Query } from "../session/sql.ts";

const QUERY_TIMEOUT_MS = 1_000;

/**
 * Null: there is no WAL receiver, or it got nothing yet. An upstream that has
 * nothing to send says so only after half of `wal_sender_timeout`, so an old
 * moment is no sign of death by itself.
 *
 * Source: PostgreSQL 17 manual, "pg_stat_wal_receiver"; `walsender.c`,
 * WalSndKeepaliveIfNecessary.
 */
export async function walReceivedAt(
  query: Query,
  clock: Pick<Clock, "now">,
): Promise<Moment | null> {
  // An answer that comes late must not make the sign younger than it is.
  const askedAt = clock.now();
  const [row] = await query(
    `SELECT extract(epoch FROM clock_timestamp() - last_msg_receipt_time) * 1000
       AS age_ms
     FROM pg_stat_wal_receiver`,
    QUERY_TIMEOUT_MS,
  );
  const text = row?.["age_ms"] ?? null;
  const ageMs = text === null ? Number.NaN : Number(text);
  // Both times are the server's wall clock's, which may have been set back.
  return Number.isFinite(ageMs) ? after(askedAt, -Math.max(0, ageMs)) : null;
}
