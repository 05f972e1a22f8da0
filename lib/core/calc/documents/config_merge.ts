/**
 * Merges and compares configuration documents the way Patroni does.
 *
 * One rule set serves the files of a directory, the environment over them,
 * `PATCH /config` and `edit-config --apply`. Values count as equal when their
 * text is equal, so `30` and `"30"` are no change. This file knows no keys.
 */

/** A configuration document or a section of one: text keys, any values. */
export type ConfigMap = Readonly<Record<string, unknown>>;

/** What a patch made of a document. */
export interface MergeResult {
  readonly value: ConfigMap;
  /** False when every patched value already stood there, judged by text. */
  readonly isChanged: boolean;
}

/**
 * Whether a value is a map, and not a list, a date or a scalar.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(isConfigMap({}), true);
 * assert.equal(isConfigMap([]), false);
 * ```
 */
export function isConfigMap(value: unknown): value is ConfigMap {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * Value of an own key, `undefined` when the map has none.
 *
 * Keys come from users, so `constructor` must not find the prototype's.
 */
export function ownValue(map: ConfigMap, key: string): unknown {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/**
 * Document that results from laying `patch` over `target`; neither is changed.
 *
 * Maps are merged key by key, null deletes a key, any other value replaces the
 * earlier one as a whole. A value whose text is equal keeps the earlier type.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const merged = mergePatch({ ttl: 30, pause: true }, { ttl: "30", pause: null });
 * assert.deepEqual(merged, { value: { ttl: 30 }, isChanged: true });
 * ```
 *
 * Source: Patroni 4.1.4 `utils.py`, patch_config.
 */
export function mergePatch(target: ConfigMap, patch: ConfigMap): MergeResult {
  const merged = new Map(Object.entries(target));
  let isChanged = false;
  for (const [key, value] of Object.entries(patch)) {
    const earlier = merged.get(key);
    if (value === null || value === undefined) {
      isChanged = (merged.delete(key) && earlier !== null) || isChanged;
      continue;
    }
    if (isConfigMap(value) && isConfigMap(earlier)) {
      const nested = mergePatch(earlier, value);
      merged.set(key, nested.value);
      isChanged = nested.isChanged || isChanged;
      continue;
    }
    if (merged.has(key) && textForm(earlier) === textForm(value)) continue;
    merged.set(key, value);
    isChanged = true;
  }
  return { value: Object.fromEntries(merged), isChanged };
}

/**
 * Whether two documents say the same: equal keys, maps compared key by key,
 * everything else by its text.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(deepEqualByText({ ttl: 30 }, { ttl: "30" }), true);
 * ```
 *
 * Source: Patroni 4.1.4 `utils.py`, deep_compare.
 */
export function deepEqualByText(left: unknown, right: unknown): boolean {
  if (!isConfigMap(left) || !isConfigMap(right)) {
    return isConfigMap(left) === isConfigMap(right) &&
      textForm(left) === textForm(right);
  }
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length &&
    keys.every((key) =>
      Object.hasOwn(right, key) && deepEqualByText(left[key], right[key])
    );
}

/**
 * Text by which values are compared and shown: scalars plain (`True`, `None`,
 * `30`), lists and maps with their texts quoted (`['a', 1]`).
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(textForm({ a: [true, "x"] }), "{'a': [True, 'x']}");
 * ```
 *
 * It stands here and not in `lib/patroni` because the core compares with it, and
 * the core imports nothing but itself: `1` and `"1"` are the same value to
 * Patroni, which compares such texts.
 *
 * Source: Patroni 4.1.4 messages, which show values in Python's form.
 */
export function textForm(value: unknown): string {
  return typeof value === "string" ? value : nestedTextForm(value);
}

function nestedTextForm(value: unknown): string {
  if (typeof value === "string") return quoted(value);
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) {
    return `[${value.map(nestedTextForm).join(", ")}]`;
  }
  if (!isConfigMap(value)) return String(value);
  const entries = Object.entries(value)
    .map(([key, item]) => `${quoted(key)}: ${nestedTextForm(item)}`);
  return `{${entries.join(", ")}}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
