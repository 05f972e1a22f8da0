/** Names of WAL files. */
import type { Lsn } from "../../../core/base/units.ts";

/** Bytes that the last eight digits of a name and the segment size span. */
const SPAN = 1n << 32n;

/**
 * Name of the file that holds the WAL at `lsn`.
 *
 * Source: PostgreSQL 17 `xlog_internal.h`, XLogFileName.
 */
export function walFileName(
  timeline: number,
  lsn: Lsn,
  segmentBytes: number,
): string {
  const segment = lsn / BigInt(segmentBytes);
  const perSpan = SPAN / BigInt(segmentBytes);
  return [BigInt(timeline), segment / perSpan, segment % perSpan]
    .map((part) => part.toString(16).toUpperCase().padStart(8, "0"))
    .join("");
}
