/**
 * How much of one value of the store counts. Whoever fills the store must not
 * make every process of every host count for seconds: a lease would pass with
 * nobody there to stop PostgreSQL.
 */

/**
 * A hundred times what a scope has of members, slots or names. What comes after
 * is from somebody who fills the store, and does not count.
 */
export const ENTRIES_MAX = 1_000;

/** No member has a longer name, and it becomes part of many others. */
export const NAME_LENGTH_MAX = 256;

/** Deeper than any document; bounds every recursion over what was read. */
const DEPTH_MAX = 100;

/** The first entries of a map. */
export function firstEntries<T>(
  map: Readonly<Record<string, T>>,
): readonly (readonly [string, T])[] {
  return Object.entries(map).slice(0, ENTRIES_MAX);
}

/**
 * Whether a value is nested in at most {@link DEPTH_MAX} levels. Level by level
 * instead of recursively: the depth is what is in question.
 */
export function isShallow(value: unknown): boolean {
  let level: readonly object[] = isNesting(value) ? [value] : [];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth >= DEPTH_MAX) return false;
    const next: object[] = [];
    for (const each of level) {
      for (const item of Object.values(each)) {
        if (isNesting(item)) next.push(item);
      }
    }
    level = next;
  }
  return true;
}

function isNesting(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
