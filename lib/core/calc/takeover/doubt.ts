/**
 * When a leader may already have been replaced and cannot know: it reaches
 * neither the store nor so many voters that those who are left could not have
 * pledged. It then keeps new sessions waiting and its addresses to itself.
 */
import { type Moment, remainingMs } from "../../base/units.ts";
import type { SyncKey } from "../../model/cluster_view.ts";
import type { MemberName } from "../../model/member.ts";

/** When a leader last knew better. */
export interface LastContacts {
  /** Before the last read that the store answered afresh, or renewal, was sent. */
  readonly storeAt: Moment;
  /** By voter: when an answer to a question of that moment came. */
  readonly voterAt: ReadonlyMap<MemberName, Moment>;
}

/** What a doubt is judged by. */
interface DoubtLimits {
  readonly sync: Pick<SyncKey, "quorum" | "standbys">;
  readonly suspectAfterMs: number;
}

/**
 * True if voters enough for a takeover have been silent for so long.
 *
 * @example
 * ```ts
 * import { moment } from "../../base/units.ts";
 * import { isInDoubt } from "./doubt.ts";
 * const contacts = { storeAt: moment(0), voterAt: new Map() };
 * const sync = { quorum: 0, standbys: ["b"] };
 * const limits = { sync, suspectAfterMs: 1_500 };
 * if (!isInDoubt(moment(2_000), contacts, limits)) throw new Error("it is");
 * ```
 */
export function isInDoubt(
  now: Moment,
  { storeAt, voterAt }: LastContacts,
  { sync, suspectAfterMs }: DoubtLimits,
): boolean {
  const isOld = (at: Moment | undefined): boolean =>
    at === undefined || remainingMs(now, at) >= suspectAfterMs;
  const silent = sync.standbys.filter((name) => isOld(voterAt.get(name)));
  return isOld(storeAt) && silent.length > sync.quorum;
}

/**
 * Milliseconds until the voters, should they say nothing more, leave it open; 0:
 * they do now. Nobody need look before that.
 *
 * @example
 * ```ts
 * import { moment } from "../../base/units.ts";
 * import { openInMs } from "./doubt.ts";
 * const voterAt = new Map([["b", moment(0)], ["c", moment(700)]]);
 * const sync = { quorum: 1, standbys: ["b", "c"] };
 * const limits = { sync, suspectAfterMs: 1_500 };
 * if (openInMs(moment(1_000), voterAt, limits) !== 1_200) throw new Error("c");
 * ```
 */
export function openInMs(
  now: Moment,
  voterAt: LastContacts["voterAt"],
  { sync, suspectAfterMs }: DoubtLimits,
): number {
  const leftMs = sync.standbys.map((name) => {
    const at = voterAt.get(name);
    const silentMs = at === undefined ? Infinity : remainingMs(now, at);
    return Math.max(0, suspectAfterMs - silentMs);
  }).sort((a, b) => a - b);
  return leftMs[sync.quorum] ?? suspectAfterMs;
}
