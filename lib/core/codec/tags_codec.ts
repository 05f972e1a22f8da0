/**
 * Tags: per-member policy, from the configured map to the model, and to the map
 * that is published in the member key.
 *
 * Owns precedence between a boolean tag and its priority tag.
 */
import { isTruthyFlag, parseBool, parseInteger } from "../base/scalars.ts";
import { NO_TAGS, type Tags } from "../model/member.ts";
import { asObject, type JsonObject, readScalarText } from "./json.ts";

/** A boolean tag and its priority that say opposite things; the boolean wins. */
export interface TagConflict {
  readonly flagTag: "nofailover" | "nosync";
  readonly flagValue: unknown;
  readonly priorityTag: "failover_priority" | "sync_priority";
  readonly priorityValue: number;
}

const PAIRS = [
  ["nofailover", "failover_priority"],
  ["nosync", "sync_priority"],
] as const;

/** Tags that are not published when falsy, with the tag that keeps them. */
const DROPPED_WHEN_FALSY: ReadonlyMap<string, string | null> = new Map([
  ["clonefrom", null],
  ["nofailover", "failover_priority"],
  ["noloadbalance", null],
  ["nosync", "sync_priority"],
  ["nostream", null],
]);

/**
 * Tags from a configured map, or from a peer's published one. Anything but a map
 * is "no tags".
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const tags = decodeTags({ nofailover: true, zone: "a" });
 * assert.equal(tags.isNofailover, true);
 * assert.equal(tags.failoverPriority, 0);
 * assert.deepEqual(tags.published, { nofailover: true, zone: "a" });
 * ```
 *
 * Source: docs/contract/configuration.md 3.15; docs/contract/dcs.md 3.4.2.
 */
export function decodeTags(raw: unknown): Tags {
  const map = asObject(raw);
  if (map === null) return NO_TAGS;
  const failover = duty(map, "nofailover", "failover_priority");
  const sync = duty(map, "nosync", "sync_priority");
  const replicatefrom = map["replicatefrom"];
  return {
    isNofailover: failover.isExcluded,
    failoverPriority: failover.priority,
    isNosync: sync.isExcluded,
    syncPriority: sync.priority,
    isNoloadbalance: isTruthyFlag(map["noloadbalance"]),
    isClonefrom: isTruthyFlag(map["clonefrom"]),
    isNostream: parseBool(map["nostream"]) ?? false,
    replicatefrom: isTruthyFlag(replicatefrom)
      ? readScalarText(replicatefrom)
      : null,
    published: publishedTags(map),
  };
}

/** Contradictions in a configured map, for a warning at load and reload. */
export function tagConflicts(raw: unknown): readonly TagConflict[] {
  const map = asObject(raw) ?? {};
  return PAIRS.flatMap(([flagTag, priorityTag]) => {
    const flagValue = map[flagTag] ?? null;
    const priorityValue = parseInteger(map[priorityTag]);
    if (flagValue === null || priorityValue === null) return [];
    return isTruthyFlag(flagValue) === priorityValue > 0
      ? [{ flagTag, flagValue, priorityTag, priorityValue }]
      : [];
  });
}

/**
 * The warning's text, which tools look for.
 *
 * Source: docs/contract/ha.md 20.
 */
export function tagConflictText(conflict: TagConflict): string {
  const { flagTag, priorityTag, priorityValue } = conflict;
  const flag = capitalized(conflict.flagValue);
  return `Conflicting configuration between ${flagTag}: ${flag} and ` +
    `${priorityTag}: ${priorityValue}. Defaulting to ${flagTag}: ${flag}`;
}

interface Duty {
  readonly isExcluded: boolean;
  readonly priority: number;
}

function duty(map: JsonObject, flagTag: string, priorityTag: string): Duty {
  const flag = map[flagTag] ?? null;
  const priority = parseInteger(map[priorityTag]) ?? 1;
  if (flag === null) return { isExcluded: priority <= 0, priority };
  const isExcluded = isTruthyFlag(flag);
  return { isExcluded, priority: isExcluded ? 0 : priority };
}

function publishedTags(map: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(map).filter(([name, value]) => {
      const keeper = DROPPED_WHEN_FALSY.get(name);
      if (keeper === undefined || isTruthyFlag(value)) return true;
      return keeper !== null && keeper in map;
    }),
  );
}

function capitalized(value: unknown): string {
  const text = readScalarText(value) ?? "set";
  return typeof value === "boolean"
    ? text.charAt(0).toUpperCase() + text.slice(1)
    : text;
}
