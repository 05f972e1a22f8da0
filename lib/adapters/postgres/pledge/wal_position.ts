/**
 * How far a standby's WAL goes once nothing comes in any more: everything that it
 * may ever have acknowledged, or nothing said.
 */
import { join } from "node:path";
import { type Lsn, lsn, maxLsn, parseLsn } from "../../../core/base/units.ts";
import type { WalEnd } from "../../../core/model/pledge.ts";
import type { Query } from "../session/sql.ts";
import { walFileName } from "../directory/wal_name.ts";

const QUERY_TIMEOUT_MS = 1_000;

/**
 * Where the startup process waits once it has seen all WAL that is here.
 *
 * Source: PostgreSQL 17 manual, "Wait Events of Type Activity" and "Timeout".
 */
const AT_THE_END: ReadonlySet<unknown> = new Set([
  "RecoveryWalStream",
  "RecoveryRetrieveRetryInterval",
]);

/**
 * The end of the WAL; null: it is not known for sure. A standby that was
 * restarted and is delayed, or paused, has replayed less than it acknowledged,
 * and has not read to its end.
 */
export async function endOfWal(
  query: Query,
  dataDir: string,
): Promise<WalEnd | null> {
  const [row] = await query(
    `SELECT pg_last_wal_receive_lsn()::text AS received,
       pg_last_wal_replay_lsn()::text AS replayed,
       pg_size_bytes(current_setting('wal_segment_size'))::int8::text
         AS segment_bytes,
       (SELECT wait_event FROM pg_stat_activity
        WHERE backend_type = 'startup') AS waits`,
    QUERY_TIMEOUT_MS,
  );
  const received = lsnOf(row?.["received"]);
  const end = maxLsn(received, lsnOf(row?.["replayed"]));
  const isSure = received !== null || AT_THE_END.has(row?.["waits"]);
  if (end === null || !isSure) return null;
  const segmentBytes = Number(row?.["segment_bytes"]);
  const timeline = await timelineOf(dataDir, end, segmentBytes);
  return timeline === null ? null : { timeline, lsn: end };
}

function lsnOf(value: unknown): Lsn | null {
  return typeof value === "string" ? parseLsn(value) : null;
}

/** The highest timeline that has a file for the last byte; null: none has. */
async function timelineOf(
  dataDir: string,
  end: Lsn,
  segmentBytes: number,
): Promise<number | null> {
  const last = lsn(end > 0n ? end - 1n : 0n);
  const place = walFileName(0, last, segmentBytes).slice(8);
  let highest: number | null = null;
  for await (const { name } of Deno.readDir(join(dataDir, "pg_wal"))) {
    const isIt = /^[0-9A-F]{24}$/.test(name) && name.endsWith(place);
    if (!isIt) continue;
    highest = Math.max(highest ?? 0, Number.parseInt(name.slice(0, 8), 16));
  }
  return highest;
}
