/**
 * The key `failovers`: the last changes of leader. Patroni has none, and ignores
 * keys that it does not know (docs/contract/dcs.md 4). `history -v` and the
 * cluster page show the same names.
 */
import { NAME_LENGTH_MAX } from "./limits.ts";
import type {
  FailoverPhase,
  FailoverRecord,
  FeltByClients,
  LeftBehind,
} from "../model/failover.ts";
import { factsIn } from "./decision_codec.ts";
import {
  asObject,
  encodeJson,
  type JsonObject,
  parseJson,
  readCount,
  readText,
} from "./json.ts";

/** The key, relative to the scope. */
export const FAILOVERS_KEY = "failovers";

/** So many changes are kept, the newest. */
export const FAILOVERS_MAX = 20;

/** Items of each list of a change. */
const ITEMS_MAX = 16;

/** Of one fact, and of the sentence. */
const TEXT_LENGTH_MAX = 400;

/** Of the whole key; Kubernetes takes 256 KiB for all annotations of an object. */
const VALUE_LENGTH_MAX = 49_152;

/**
 * The records of a value, oldest first. What is none is left out; decoding never
 * fails.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(decodeFailovers("[{}, 7]"), []);
 * ```
 */
export function decodeFailovers(
  text: string | null,
): readonly FailoverRecord[] {
  const items = parseJson(text ?? "");
  if (!Array.isArray(items)) return [];
  return items.slice(-FAILOVERS_MAX).flatMap((item: unknown) =>
    recordIn(item) ?? []
  );
}

/** Compact JSON of the newest records; older ones go if all together are too long. */
export function encodeFailovers(records: readonly FailoverRecord[]): string {
  const items = records.slice(-FAILOVERS_MAX).map(failoverItem);
  let text = encodeJson(items);
  while (text.length > VALUE_LENGTH_MAX && items.length > 1) {
    items.shift();
    text = encodeJson(items);
  }
  return text;
}

/** A record as it stands in the store and is shown to programs; its texts cut to size. */
export function failoverItem(record: FailoverRecord): JsonObject {
  return {
    term: record.term,
    leader: record.leader,
    before: record.before,
    timeline: record.timeline,
    rule: record.rule,
    reason: record.reason,
    text: record.sentence.slice(0, TEXT_LENGTH_MAX),
    facts: shortFacts(record.facts),
    phases: record.phases.slice(0, ITEMS_MAX).map(({ name, atMs }) => ({
      phase: name,
      at_ms: atMs,
    })),
    lost_bytes: record.lostBytes,
    left_behind: record.leftBehind.slice(0, ITEMS_MAX),
    clients: record.felt.slice(0, ITEMS_MAX).map((felt) => ({
      proxy: felt.proxy,
      closed_at_ms: felt.closedAtMs,
      routed_at_ms: felt.routedAtMs,
      ended: felt.ended,
      waited: felt.waited,
      longest_wait_ms: felt.longestWaitMs,
      failed: felt.failed,
    })),
  };
}

function shortFacts(facts: FailoverRecord["facts"]): JsonObject {
  const entries = Object.entries(facts).slice(0, ITEMS_MAX);
  return Object.fromEntries(entries.map(([name, fact]) => [
    name,
    typeof fact === "string" ? fact.slice(0, TEXT_LENGTH_MAX) : fact,
  ]));
}

function recordIn(item: unknown): FailoverRecord | null {
  const given = asObject(item);
  if (given === null) return null;
  const [term, leader] = [readName(given["term"]), readName(given["leader"])];
  const timeline = readCount(given["timeline"]);
  if (term === null || leader === null) return null;
  if (timeline === null || timeline < 1) return null;
  return {
    ...{ term, leader, timeline },
    before: readName(given["before"]),
    rule: readShort(given["rule"]),
    reason: readShort(given["reason"]),
    sentence: readShort(given["text"]),
    facts: factsIn(shortFacts(factsIn(given["facts"]))),
    phases: listOf(given["phases"], phaseIn),
    lostBytes: readAmount(given["lost_bytes"]),
    leftBehind: listOf(given["left_behind"], leftBehindIn),
    felt: listOf(given["clients"], feltIn),
  };
}

function phaseIn(item: JsonObject): FailoverPhase | null {
  const name = readName(item["phase"]);
  const atMs = readAmount(item["at_ms"]);
  return name === null || atMs === null ? null : { name, atMs };
}

function leftBehindIn(item: JsonObject): LeftBehind | null {
  const member = readName(item["member"]);
  const bytes = readAmount(item["bytes"]);
  return member === null || bytes === null ? null : { member, bytes };
}

function feltIn(item: JsonObject): FeltByClients | null {
  const proxy = readName(item["proxy"]);
  const closedAtMs = readAmount(item["closed_at_ms"]);
  const routedAtMs = readAmount(item["routed_at_ms"]);
  if (proxy === null || closedAtMs === null || routedAtMs === null) return null;
  return {
    ...{ proxy, closedAtMs, routedAtMs },
    ended: readAmount(item["ended"]) ?? 0,
    waited: readAmount(item["waited"]) ?? 0,
    longestWaitMs: readAmount(item["longest_wait_ms"]) ?? 0,
    failed: readAmount(item["failed"]) ?? 0,
  };
}

function listOf<T>(
  value: unknown,
  read: (item: JsonObject) => T | null,
): readonly T[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, ITEMS_MAX).flatMap((item: unknown) => {
    const object = asObject(item);
    return object === null ? [] : read(object) ?? [];
  });
}

function readName(value: unknown): string | null {
  const text = readText(value);
  return text === null || text.length > NAME_LENGTH_MAX ? null : text;
}

function readShort(value: unknown): string {
  return (readText(value) ?? "").slice(0, TEXT_LENGTH_MAX);
}

function readAmount(value: unknown): number | null {
  const count = readCount(value);
  return count === null || count < 0 ? null : count;
}
