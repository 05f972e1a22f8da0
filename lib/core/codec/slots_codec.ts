/**
 * The `slots` and `ignore_slots` of the dynamic document, and whether a clone
 * method needs no leader. Bad entries are skipped and named; the rest counts.
 */
import { isTruthyFlag } from "../base/scalars.ts";
import {
  type IgnoredSlot,
  NO_SLOT_SETTINGS,
  type PermanentSlot,
  type SlotSettings,
} from "../model/slot_settings.ts";
import { asObject, encodeJson, type JsonObject } from "./json.ts";
import { ENTRIES_MAX, firstEntries } from "./limits.ts";

/** The first that is not empty counts. */
const PERMANENT_KEYS = [
  "permanent_replication_slots",
  "permanent_slots",
  "slots",
] as const;

const SLOT_NAME = /^[a-z0-9_]{1,63}$/;

/** Settings, and a sentence for each entry that was skipped. */
export interface DecodedSlots {
  readonly settings: SlotSettings;
  readonly problems: readonly string[];
}

/**
 * Reads the slots of a document.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const { settings } = decodeSlots({ slots: { a: null, B: {} } });
 * assert.deepEqual(Object.keys(settings.permanent), ["a"]);
 * ```
 *
 * Source: docs/contract/configuration.md 4.4; docs/contract/ha.md 15.1.
 */
export function decodeSlots(document: JsonObject): DecodedSlots {
  const permanent: Record<string, PermanentSlot> = {};
  const problems: string[] = [];
  for (const [name, value] of firstEntries(permanentSection(document))) {
    const slot = permanentSlot(value);
    if (!SLOT_NAME.test(name)) {
      problems.push(
        `Invalid permanent replication slot name '${name}': it may only contain lower case letters, numbers and underscores, 1 to 63 of them`,
      );
    } else if (slot === null) {
      problems.push(
        `Bad value for slot '${name}' in permanent_slots: ${
          encodeJson([value]).slice(1, -1)
        }`,
      );
    } else permanent[name] = slot;
  }
  const ignored = ignoredSlots(document["ignore_slots"]);
  const isEmpty = Object.keys(permanent).length === 0 && ignored.length === 0;
  return {
    settings: isEmpty ? NO_SLOT_SETTINGS : { permanent, ignored },
    problems,
  };
}

/**
 * Whether a configured clone method may run while nobody leads.
 *
 * @param local The local `postgresql` section, which beats the dynamic one per key.
 *
 * Source: docs/contract/ha.md 17.2; docs/contract/configuration.md 3.11.4.
 */
export function hasLeaderlessClone(
  dynamic: JsonObject,
  local: JsonObject,
): boolean {
  const value = (key: string): unknown => local[key] ?? dynamic[key];
  const methods = value("create_replica_methods") ??
    value("create_replica_method");
  if (!Array.isArray(methods)) return false;
  return methods.some((name) =>
    typeof name === "string" && name !== "basebackup" &&
    isTruthyFlag(asObject(value(name))?.["no_leader"])
  );
}

function permanentSection(document: JsonObject): JsonObject {
  const key = PERMANENT_KEYS.find((name) => isTruthyFlag(document[name]));
  return key === undefined ? {} : asObject(document[key]) ?? {};
}

function permanentSlot(value: unknown): PermanentSlot | null {
  if (!isTruthyFlag(value)) return { type: "physical", clusterType: null };
  const entry = asObject(value);
  if (entry === null) return null;
  const { database, plugin } = entry;
  const isNamed = isText(database) && isText(plugin);
  switch (entry["type"] ?? (isNamed ? "logical" : "physical")) {
    case "physical": {
      const type = entry["cluster_type"];
      const isType = type === "primary" || type === "standby";
      return { type: "physical", clusterType: isType ? type : null };
    }
    case "logical":
      return isNamed ? { type: "logical", database, plugin } : null;
    default:
      return null;
  }
}

function ignoredSlots(value: unknown): readonly IgnoredSlot[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, ENTRIES_MAX).flatMap((item): IgnoredSlot[] => {
    const entry = asObject(item);
    return entry === null ? [] : [{
      name: textOf(entry["name"]),
      type: textOf(entry["type"]),
      database: textOf(entry["database"]),
      plugin: textOf(entry["plugin"]),
    }];
  });
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function textOf(value: unknown): string | null {
  return isText(value) ? value : null;
}
