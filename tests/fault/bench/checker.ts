/**
 * Judges a history: could two members be written to at once, did acknowledged
 * rows get lost, how long was there no primary.
 *
 * A reign is one timeline. A promotion begins a new one, so an old primary that
 * still writes shows itself by its timeline, and two members that promoted
 * themselves side by side share one. Only what is certain is counted: a write
 * that began after a later reign had acknowledged one.
 */
import { parseLsn } from "../../../lib/core/base/units.ts";
import { type Ack, acksOf, type Attempt } from "./history.ts";

/** The writes of one timeline on one member. */
export interface Reign {
  readonly timeline: number;
  readonly member: string;
  readonly writes: number;
  readonly firstAckMs: number;
  readonly lastStartMs: number;
}

/** Two reigns that accepted writes at once. */
export interface Overlap {
  readonly earlier: Reign;
  readonly later: Reign;
  /** From the later reign's first acknowledged write to the earlier one's last begun; 0: one timeline on two members. */
  readonly ms: number;
}

/** What the history shows. */
export interface Report {
  readonly attempts: number;
  readonly acked: number;
  readonly reigns: readonly Reign[];
  readonly overlaps: readonly Overlap[];
  /** Keys of acknowledged rows that are not there. */
  readonly missing: readonly string[];
  /** The most WAL of one reign that is lost: from its first missing row to its last write. */
  readonly lostBytes: number;
  /** The longest time without an acknowledged write; the ends of the history count. */
  readonly longestGapMs: number;
}

/**
 * @param history What the recorder wrote.
 * @param rows Keys in the table at the end; null: not looked at.
 * @param lanePrefix Judges only lanes whose names begin so.
 */
export function judge(
  history: readonly Attempt[],
  rows: ReadonlySet<string> | null,
  lanePrefix = "",
): Report {
  const acks = acksOf(history, lanePrefix);
  const reigns = reignsOf(acks);
  return {
    attempts: history.filter(({ lane }) => lane.startsWith(lanePrefix)).length,
    acked: acks.length,
    reigns,
    overlaps: overlapsOf(reigns),
    missing: rows === null
      ? []
      : acks.map(({ id }) => id).filter((id) => !rows.has(id)),
    lostBytes: rows === null ? 0 : lostBytes(acks, rows),
    longestGapMs: longestGapMs(history, lanePrefix),
  };
}

/** A report in a few lines, for the test's output. */
export function reportText(report: Report): string {
  const reigns = report.reigns.map((r) =>
    `  timeline ${r.timeline} on ${r.member}: ${r.writes} writes, ` +
    `${Math.round(r.firstAckMs)}..${Math.round(r.lastStartMs)} ms`
  );
  return [
    `${report.acked} of ${report.attempts} writes acknowledged, ` +
    `${report.missing.length} of them missing (${report.lostBytes} bytes), ` +
    `${report.overlaps.length} overlaps, ` +
    `longest gap ${Math.round(report.longestGapMs)} ms`,
    ...reigns,
  ].join("\n");
}

function lostBytes(acks: readonly Ack[], rows: ReadonlySet<string>): number {
  const lost = [...reignGroups(acks).values()].map((group) => {
    const missing = group.filter(({ id }) => !rows.has(id)).map(lsnOf);
    const last = group.map(lsnOf).reduce((max, at) => at > max ? at : max, 0n);
    return Number(
      last - missing.reduce((min, at) => at < min ? at : min, last),
    );
  });
  return Math.max(0, ...lost);
}

function lsnOf({ outcome }: Ack): bigint {
  return parseLsn(outcome.lsn) ?? 0n;
}

function reignGroups(acks: readonly Ack[]): ReadonlyMap<string, Ack[]> {
  return Map.groupBy(
    acks,
    ({ outcome }) => `${outcome.timeline} ${outcome.member}`,
  );
}

function reignsOf(acks: readonly Ack[]): readonly Reign[] {
  return [...reignGroups(acks).values()].flatMap((group): Reign[] => {
    const [first] = group;
    if (first === undefined) return [];
    return [{
      timeline: first.outcome.timeline,
      member: first.outcome.member,
      writes: group.length,
      firstAckMs: group.reduce((min, a) => Math.min(min, a.endedMs), Infinity),
      lastStartMs: group.reduce((max, a) => Math.max(max, a.startedMs), 0),
    }];
  }).sort((a, b) => a.timeline - b.timeline || a.firstAckMs - b.firstAckMs);
}

function overlapsOf(reigns: readonly Reign[]): readonly Overlap[] {
  return reigns.flatMap((earlier, at) =>
    reigns.slice(at + 1).flatMap((later): Overlap[] => {
      if (earlier.timeline === later.timeline) {
        return [{ earlier, later, ms: 0 }];
      }
      const ms = earlier.lastStartMs - later.firstAckMs;
      return ms > 0 ? [{ earlier, later, ms }] : [];
    })
  );
}

/**
 * The longest time in which no write was acknowledged.
 *
 * @param history A part of the history will do: it is judged from its first
 * attempt to its last.
 * @param lanePrefix Counts only acknowledgements on lanes whose names begin so.
 */
export function longestGapMs(
  history: readonly Attempt[],
  lanePrefix = "",
): number {
  const end = history.reduce((max, { endedMs }) => Math.max(max, endedMs), 0);
  const begin = history.reduce((min, a) => Math.min(min, a.startedMs), end);
  const acked = acksOf(history, lanePrefix).map(({ endedMs }) => endedMs);
  const times = [begin, ...acked.toSorted((a, b) => a - b), end];
  return times.reduce(
    (longest, time, at) => Math.max(longest, time - (times[at - 1] ?? time)),
    0,
  );
}
