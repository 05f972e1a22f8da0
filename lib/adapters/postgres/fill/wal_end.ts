/**
 * Where the local WAL ends. Of a stopped primary that is the end of its shutdown
 * checkpoint's record, which decides whether it diverged.
 *
 * Source: docs/contract/ha.md 16.2; PostgreSQL 17 `xlogreader.c`, XLogDecodeNextRecord.
 */
import { join } from "node:path";
import { formatLsn, type Lsn, lsn } from "../../../core/base/units.ts";
import type { LocalEnd } from "../../../core/model/peer_view.ts";
import type {
  ControlData,
  PostgresView,
  PrimaryView,
  ReplicaView,
} from "../../../core/model/postgres_view.ts";
import { parseTimelineHistory } from "../../../core/base/timeline_history.ts";
import { exists } from "../directory/files.ts";
import { readHistory } from "../directory/history_file.ts";
import type { PostgresContext } from "../options.ts";
import { livePostmaster } from "../process/pid_file.ts";
import { localTarget } from "../session/targets.ts";
import { currentTimeline } from "../session/upstream.ts";
import { programPath, run } from "../process/programs.ts";

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

type WalPlace = Omit<LocalEnd, "history">;

/** Where the local WAL ends, and how its timeline came to be; null if that cannot be read. */
export async function localWalEnd(
  context: PostgresContext,
  view: PostgresView,
): Promise<LocalEnd | null> {
  const place = view.kind === "stopped" || view.kind === "starting"
    ? await stoppedEnd(context, view.control)
    : view.kind === "running"
    ? await runningEnd(context, view)
    : null;
  if (place === null) return null;
  const file = await readHistory(context.options.dataDir, place.timeline);
  const history = file === null ? null : parseTimelineHistory(file.text);
  return { ...place, history };
}

async function runningEnd(
  context: PostgresContext,
  view: PrimaryView | ReplicaView,
): Promise<WalPlace | null> {
  if (view.role === "primary") {
    const { timeline, flushedLsn } = view;
    return { kind: "primary_crash", timeline, endLsn: flushedLsn };
  }
  const file = await livePostmaster(context);
  const target = localTarget(context, "replication", file);
  const timeline = await currentTimeline(target) ?? view.timeline;
  const endLsn = view.replayedLsn;
  return endLsn === null ? null : { kind: "replica", timeline, endLsn };
}

async function stoppedEnd(
  context: PostgresContext,
  control: ControlData,
): Promise<WalPlace | null> {
  const { state, timeline, checkpointLsn } = control;
  if (await isBackup(context)) {
    return { kind: "backup", timeline, endLsn: checkpointLsn };
  }
  if (state === "shut down in recovery" || state === "in archive recovery") {
    return recoveryEnd(control);
  }
  if (state !== "shut down") return crashedEnd(control);
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

/**
 * Where a standby that is down ends, at least. A former primary that was started
 * as a standby and killed right away has replayed its own shutdown checkpoint,
 * of which the recovery position is only the beginning.
 *
 * Source: PostgreSQL 15 `xlog.c`, StartupXLOG sets minRecoveryPoint to the redo
 * position of the checkpoint that it starts from.
 */
export function recoveryEnd(control: ControlData): WalPlace {
  const { timeline, checkpointLsn } = control;
  const { minRecoveryEndLsn, minRecoveryEndTimeline } = control;
  // 0/0: it was a primary until a signal file was put there.
  if (minRecoveryEndLsn === null) {
    return { kind: "primary_crash", timeline, endLsn: checkpointLsn };
  }
  const endTimeline = minRecoveryEndTimeline ?? timeline;
  const isAtCheckpoint = endTimeline === timeline &&
    minRecoveryEndLsn <= checkpointLsn;
  return {
    kind: "replica",
    timeline: endTimeline,
    endLsn: isAtCheckpoint ? lsn(checkpointLsn + 1n) : minRecoveryEndLsn,
  };
}

/**
 * Where a primary that was not shut down in order ends, at least. Until the first
 * checkpoint after a promotion only the end of recovery tells its new timeline.
 *
 * Source: PostgreSQL 17 `xlog.c`, CreateEndOfRecoveryRecord.
 */
export function crashedEnd(control: ControlData): WalPlace {
  const { timeline, minRecoveryEndLsn, minRecoveryEndTimeline } = control;
  const isPromoted = minRecoveryEndLsn !== null &&
    minRecoveryEndTimeline !== null && minRecoveryEndTimeline > timeline;
  return {
    kind: "primary_crash",
    timeline: isPromoted ? minRecoveryEndTimeline : timeline,
    endLsn: isPromoted ? minRecoveryEndLsn : control.checkpointLsn,
  };
}

/** A copy that was not started yet; its control file is the source's. */
async function isBackup({ options }: PostgresContext): Promise<boolean> {
  return await exists(join(options.dataDir, "backup_label"));
}

/** Total length of the shutdown checkpoint's record, by pg_waldump. */
async function recordBytes(
  context: PostgresContext,
  { timeline, checkpointLsn }: ControlData,
): Promise<number | null> {
  try {
    const { stdout } = await run({
      command: programPath(context, "pg_waldump"),
      output: "parsed",
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
  const line = output.split("\n")
    .find((text) => text.includes("CHECKPOINT_SHUTDOWN")) ?? "";
  const match = /len \(rec\/tot\):\s*\d+\/\s*(\d+)/.exec(line);
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
