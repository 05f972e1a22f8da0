/** What has changed between two looks at a scope. */
import type { Revision } from "../core/base/units.ts";
import type { DcsChange, DcsEntry } from "../ports/dcs.ts";

/** A key as one look showed it. */
export type KeyState = Pick<DcsEntry, "key" | "value" | "revision">;

/**
 * What became of each key that is not as it was: those that are gone first.
 *
 * @param at The revision that deletions are told with.
 */
export function changesBetween(
  before: readonly KeyState[],
  now: readonly KeyState[],
  at: Revision,
): readonly DcsChange[] {
  const old = new Map(before.map((one) => [one.key, one]));
  const left = new Set(now.map(({ key }) => key));
  const gone = before.filter(({ key }) => !left.has(key))
    .map(({ key }) => ({ key, value: null, revision: at }));
  const put = now.filter((one) => !isSame(old.get(one.key), one))
    .map(({ key, value, revision }) => ({ key, value, revision }));
  return [...gone, ...put];
}

function isSame(before: KeyState | undefined, now: KeyState): boolean {
  return before?.revision === now.revision && before.value === now.value;
}
