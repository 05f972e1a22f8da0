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
  { sync, suspectAfterMs }: {
    readonly sync: Pick<SyncKey, "quorum" | "standbys">;
    readonly suspectAfterMs: number;
  },
): boolean {
  const isOld = (at: Moment | undefined): boolean =>
    at === undefined || remainingMs(now, at) >= suspectAfterMs;
  const silent = sync.standbys.filter((name) => isOld(voterAt.get(name)));
  return isOld(storeAt) && silent.length > sync.quorum;
}
