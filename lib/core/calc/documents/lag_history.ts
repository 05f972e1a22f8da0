/**
 * Lag in time without any clock but the reader's own: the reader remembers when
 * the leader was seen to be how far, and asks since when that is further than a
 * replica has replayed. Exact to one cycle, because positions are published once
 * in a cycle.
 */
import type { Lsn, Moment } from "../../base/units.ts";
import type { MemberName } from "../../model/member.ts";

/** Older samples are forgotten, so that a lag is rather shown too small. */
const SAMPLES_MAX = 128;

/** Positions of one leader, oldest first; both columns grow. */
export interface LagHistory {
  readonly leader: MemberName | null;
  readonly samples: readonly {
    readonly leaderLsn: Lsn;
    readonly seenAt: Moment;
  }[];
}

/** Nothing was seen yet. */
export const NO_LAG_HISTORY: LagHistory = { leader: null, samples: [] };

/** The history with what is seen now; another leader begins another one. */
export function noteLeaderPosition(
  history: LagHistory,
  seen: {
    readonly leader: MemberName | null;
    readonly leaderLsn: Lsn | null;
    readonly now: Moment;
  },
): LagHistory {
  const { leader, leaderLsn, now } = seen;
  const samples = leader === history.leader ? history.samples : [];
  const last = samples.at(-1)?.leaderLsn ?? null;
  if (leaderLsn === null || (last !== null && leaderLsn <= last)) {
    return { leader, samples };
  }
  const grown = [...samples, { leaderLsn, seenAt: now }];
  return { leader, samples: grown.slice(-SAMPLES_MAX) };
}

/**
 * For how long the leader has been further than `replayedLsn`, in milliseconds;
 * 0 if it is not.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { lsn, moment } from "../../base/units.ts";
 * import { lagMsOf } from "./lag_history.ts";
 * const samples = [{ leaderLsn: lsn(10), seenAt: moment(0) }];
 * assert.equal(lagMsOf({ leader: "n1", samples }, lsn(9), moment(5)), 5);
 * assert.equal(lagMsOf({ leader: "n1", samples }, lsn(10), moment(5)), 0);
 * ```
 */
export function lagMsOf(
  history: LagHistory,
  replayedLsn: Lsn,
  now: Moment,
): number {
  const first = history.samples.find((one) => one.leaderLsn > replayedLsn);
  return first === undefined ? 0 : now - first.seenAt;
}
