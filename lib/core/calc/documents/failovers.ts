/**
 * The list of the last changes of leader, as the new leader, the proxies and
 * those whose WAL was left behind add to it, in whatever order they come.
 */
import type {
  FailoverPhase,
  FailoverRecord,
  FeltByClients,
  LeftBehind,
} from "../../model/failover.ts";

type Records = readonly FailoverRecord[];

/**
 * The list with the change as its leader tells it now; what others said of it
 * stays.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const record = {
 *   term: "7", leader: "n2", before: "n1", timeline: 2, rule: "R310",
 *   reason: "healthiest", sentence: "", facts: {}, phases: [], lostBytes: 0,
 *   leftBehind: [], felt: [],
 * };
 * const told = { ...record, lostBytes: 16 };
 * assert.deepEqual(withRecord(withRecord([], record), told), [told]);
 * ```
 */
export function withRecord(records: Records, told: FailoverRecord): Records {
  const known = recordOf(records, told.term);
  if (known === null) return [...records, told];
  const { felt, leftBehind } = known;
  const phases = mergePhases(known.phases, told.phases);
  return replaced(records, { ...told, felt, leftBehind, phases });
}

/** The list with what a proxy's clients felt; null: it has no such change, or knows this already. */
export function withFelt(
  records: Records,
  term: string,
  felt: FeltByClients,
): Records | null {
  const known = recordOf(records, term);
  if (known === null) return null;
  if (known.felt.some(({ proxy }) => proxy === felt.proxy)) return null;
  return replaced(records, { ...known, felt: [...known.felt, felt] });
}

/**
 * The list with what a member had written and the new leader had not; null: as
 * before.
 *
 * @param timeline The one that its WAL was on.
 */
export function withLeftBehind(
  records: Records,
  timeline: number,
  left: LeftBehind,
): Records | null {
  const known = records.findLast((each) => each.timeline === timeline + 1);
  if (known === undefined) return null;
  if (known.leftBehind.some(({ member }) => member === left.member)) {
    return null;
  }
  const leftBehind = [...known.leftBehind, left];
  return replaced(records, { ...known, leftBehind });
}

/**
 * The phases with the moment at which the first proxy had a way to the new
 * leader, in the order of their times.
 */
export function phasesOf({ phases, felt }: FailoverRecord): Phases {
  if (felt.length === 0) return phases;
  const atMs = Math.min(...felt.map(({ routedAtMs }) => routedAtMs));
  return mergePhases(phases, [{ name: "routed", atMs }]);
}

type Phases = readonly FailoverPhase[];

/** The later word on a phase counts. */
function mergePhases(known: Phases, told: Phases): Phases {
  const kept = known.filter(({ name }) => !told.some((p) => p.name === name));
  return [...kept, ...told].toSorted((one, other) => one.atMs - other.atMs);
}

function recordOf(records: Records, term: string): FailoverRecord | null {
  return records.findLast((each) => each.term === term) ?? null;
}

function replaced(records: Records, by: FailoverRecord): Records {
  return records.map((each) => each.term === by.term ? by : each);
}
