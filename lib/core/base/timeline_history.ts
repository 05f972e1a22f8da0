/**
 * PostgreSQL's timeline history: which timeline forked off which, and where.
 * Parsing and the one question that rewind asks; nothing about what to do then.
 */
import { type Lsn, parseLsn } from "./units.ts";

/** One line of a `.history` file: `timeline` ended at `switchpoint`. */
export interface TimelineSwitch {
  readonly timeline: number;
  readonly switchpoint: Lsn;
  readonly reason: string;
}

/**
 * Parses the text of a `.history` file; lines that are no entries are skipped.
 *
 * Source: PostgreSQL 17 `src/backend/access/transam/timeline.c`, readTimeLineHistory.
 *
 * @example
 * ```ts
 * import { parseTimelineHistory } from "./timeline_history.ts";
 * const [first] = parseTimelineHistory("1\t0/3000060\tno recovery target specified\n");
 * if (first?.timeline !== 1) throw new Error("wrong");
 * ```
 */
export function parseTimelineHistory(text: string): readonly TimelineSwitch[] {
  const switches: TimelineSwitch[] = [];
  for (const line of text.split("\n")) {
    const match = /^\s*(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)(?:\s(.*))?$/.exec(
      line,
    );
    if (match === null) continue;
    const switchpoint = parseLsn(match[2] ?? "");
    if (switchpoint === null) continue;
    switches.push({
      timeline: Number(match[1]),
      switchpoint,
      reason: (match[3] ?? "").trim(),
    });
  }
  return switches;
}

/** Where the history leaves `timeline`; null if it never was on it. */
export function switchpointOf(
  history: readonly TimelineSwitch[],
  timeline: number,
): Lsn | null {
  return history.find((line) => line.timeline === timeline)?.switchpoint ??
    null;
}
