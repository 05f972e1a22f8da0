/** The `history` key: when the scope changed its timeline, and to whom. */
import { lsn } from "../base/units.ts";
import type { HistoryLine } from "../model/cluster_view.ts";
import {
  encodeJson,
  parseJson,
  readCount,
  readText,
  readWhole,
} from "./json.ts";

const ITEMS_MIN = 3;

/**
 * The lines of the key; `null` if it is absent or any line is unreadable, because
 * the cluster timeline is unknown then.
 *
 * Source: docs/contract/dcs.md 3.9 and 4.
 */
export function decodeHistory(
  text: string | null,
): readonly HistoryLine[] | null {
  const value = parseJson(text ?? "");
  if (!Array.isArray(value)) return null;
  const lines: HistoryLine[] = [];
  for (const item of value) {
    const line = readLine(item);
    if (line === null) return null;
    lines.push(line);
  }
  return lines;
}

/**
 * Compact JSON; a line has three to five items, what is unknown is left out.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(encodeHistory([]), "[]");
 * ```
 */
export function encodeHistory(lines: readonly HistoryLine[]): string {
  return encodeJson(lines.map((line) => {
    const { timeline, switchpoint, reason, timestamp, newLeader } = line;
    const items = [timeline, switchpoint, reason];
    if (timestamp === null) return items;
    return newLeader === null
      ? [...items, timestamp]
      : [...items, timestamp, newLeader];
  }));
}

function readLine(item: unknown): HistoryLine | null {
  if (!Array.isArray(item) || item.length < ITEMS_MIN) return null;
  const timeline = readCount(item[0]);
  const switchpoint = readWhole(item[1]);
  if (timeline === null || timeline < 1) return null;
  if (switchpoint === null || switchpoint < 0n) return null;
  return {
    timeline,
    switchpoint: lsn(switchpoint),
    reason: readText(item[2]) ?? "",
    timestamp: readText(item[3]),
    newLeader: readText(item[4]),
  };
}
