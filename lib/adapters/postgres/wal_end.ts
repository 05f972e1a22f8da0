/**
 * Where the WAL of a stopped instance ends: the end of its shutdown checkpoint's
 * record, which decides whether a former primary diverged.
 *
 * Source: spec/ha.md 16.2; PostgreSQL 17 `xlogreader.c`, XLogDecodeNextRecord.
 */
import { join } from "node:path";
import { formatLsn, type Lsn, lsn } from "../../core/base/units.ts";
import type { LocalEnd } from "../../core/model/peer_view.ts";
import type { ControlData } from "../../core/model/postgres_view.ts";
import type { PostgresContext } from "./options.ts";
import { programPath, run } from "./programs.ts";

const PAGE_BYTES_DEFAULT = 8192;
const SEGMENT_BYTES_DEFAULT = 16 * 1024 * 1024;
/** Sizes of XLogPageHeaderData and XLogLongPageHeaderData. */
const SHORT_HEADER_BYTES = 24n;
const LONG_HEADER_BYTES = 40n;

/** How WAL is cut into pages and segments. */
export interface WalLayout {
  readonly pageBytes: number;
  readonly segmentBytes: number;
}

/** Where the WAL of a stopped instance ends; null if that can not be read. */
export async function stoppedEnd(
  context: PostgresContext,
  control: ControlData,
): Promise<LocalEnd | null> {
  const { state, timeline, checkpointLsn } = control;
  if (state === "shut down in recovery" || state === "in archive recovery") {
    const { minRecoveryEndLsn, minRecoveryEndTimeline } = control;
    // 0/0: it was a primary until a signal file was put there.
    if (minRecoveryEndLsn === null) {
      return { kind: "primary_crash", timeline, endLsn: checkpointLsn };
    }
    return {
      kind: "replica",
      timeline: minRecoveryEndTimeline ?? timeline,
      endLsn: minRecoveryEndLsn,
    };
  }
  if (state !== "shut down") {
    return { kind: "primary_crash", timeline, endLsn: checkpointLsn };
  }
  const bytes = await recordBytes(context, control);
  if (bytes === null) return null;
  const layout = {
    pageBytes: control.settings["WAL block size"] ?? PAGE_BYTES_DEFAULT,
    segmentBytes: control.settings["Bytes per WAL segment"] ??
      SEGMENT_BYTES_DEFAULT,
  };
  return {
    kind: "primary_shutdown",
    timeline,
    endLsn: recordEnd(checkpointLsn, bytes, layout),
  };
}

/** Total length of the shutdown checkpoint's record, by pg_waldump. */
async function recordBytes(
  context: PostgresContext,
  { timeline, checkpointLsn }: ControlData,
): Promise<number | null> {
  try {
    const { stdout } = await run({
      command: programPath(context, "pg_waldump"),
      args: [
        "--path",
        join(context.options.dataDir, "pg_wal"),
        "--timeline",
        String(timeline),
        "--start",
        formatLsn(checkpointLsn),
        "--limit",
        "1",
      ],
      signal: AbortSignal.timeout(10_000),
    });
    return parseRecordBytes(stdout);
  } catch {
    return null;
  }
}

/** Total length in the first line that pg_waldump printed. */
export function parseRecordBytes(output: string): number | null {
  const match = /len \(rec\/tot\):\s*\d+\/\s*(\d+).*CHECKPOINT_SHUTDOWN/
    .exec(output);
  return match === null ? null : Number(match[1]);
}

/** Position behind a record, page headers that it crosses included. */
export function recordEnd(
  start: Lsn,
  totalBytes: number,
  layout: WalLayout,
): Lsn {
  const pageBytes = BigInt(layout.pageBytes);
  let rest = (BigInt(totalBytes) + 7n) & ~7n;
  let position: bigint = start;
  for (;;) {
    const room = pageBytes - position % pageBytes;
    if (rest <= room) return lsn(position + rest);
    rest -= room;
    position += room;
    position += position % BigInt(layout.segmentBytes) === 0n
      ? LONG_HEADER_BYTES
      : SHORT_HEADER_BYTES;
  }
}
