/**
 * The `history` key: the leader's list of timeline switches, with the names that
 * the DCS alone remembers.
 */
import { parseTimelineHistory } from "../../base/timeline_history.ts";
import type { HistoryLine } from "../../model/cluster_view.ts";

/** What the new list is made from. */
export interface HistoryInputs {
  readonly self: string;
  /** Text of `<timeline>.history`. */
  readonly text: string;
  /** ISO time of the file, for the newest line. */
  readonly timestamp: string;
  readonly known: readonly HistoryLine[] | null;
  /** 0: keep all. */
  readonly linesMax: number;
}

/** True if the key must be written again for a primary on `timeline`. Source: docs/contract/ha.md 21. */
export function isHistoryStale(
  known: readonly HistoryLine[] | null,
  timeline: number,
): boolean {
  if (timeline === 1) return known !== null && known.length > 0;
  const last = known?.at(-1);
  return last === undefined || last.timeline !== timeline - 1 ||
    last.newLeader === null;
}

/** The new list: older lines keep their time and name, the newest gets this member's. */
export function mergeHistory(inputs: HistoryInputs): readonly HistoryLine[] {
  const lines = parseTimelineHistory(inputs.text);
  const kept = inputs.linesMax > 0 ? lines.slice(-inputs.linesMax) : lines;
  return kept.map((line, index) => {
    const old = inputs.known?.find((known) =>
      known.timeline === line.timeline &&
      known.switchpoint === line.switchpoint
    );
    if (old !== undefined && old.newLeader !== null) return old;
    const isNewest = index === kept.length - 1;
    return {
      ...line,
      timestamp: isNewest ? inputs.timestamp : old?.timestamp ?? null,
      newLeader: isNewest ? inputs.self : old?.newLeader ?? null,
    };
  });
}
