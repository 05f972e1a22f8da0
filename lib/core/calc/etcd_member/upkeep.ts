/** What a running member of etcd needs from time to time: one thing at a time. */
import type { EtcdStatus } from "../../model/etcd_member.ts";

/** Less free space than that is not worth a defragmentation. */
const FREE_BYTES_MIN = 64 * 2 ** 20;

/** What is known when upkeep is due. */
export interface EtcdUpkeepFacts {
  readonly own: EtcdStatus;
  /** The member has raised the alarm that its data have reached the quota. */
  readonly isFull: boolean;
  readonly quotaBytes: number;
  /** Since the newest snapshot; null: there is none. */
  readonly snapshotAgeMs: number | null;
  readonly snapshotEveryMs: number;
}

/** What is due. */
export type EtcdUpkeep =
  /** Room is made, and the alarm is taken back if that was enough. */
  | "make_room"
  | "snapshot"
  /** Only by one member at a time. */
  | "defragment";

/** What is due; null: nothing. */
export function nextUpkeep(facts: EtcdUpkeepFacts): EtcdUpkeep | null {
  const { own, isFull, snapshotAgeMs, snapshotEveryMs } = facts;
  if (own.isLearner || own.leaderId === null) return null;
  if (isFull) return "make_room";
  if (snapshotAgeMs === null || snapshotAgeMs >= snapshotEveryMs) {
    return "snapshot";
  }
  const freeBytes = own.dbBytes - own.usedBytes;
  // Half of the quota used and half of that free: the rest would not fill it.
  const isWorthIt = freeBytes >= FREE_BYTES_MIN &&
    freeBytes * 2 >= own.dbBytes && own.dbBytes * 2 >= facts.quotaBytes;
  return isWorthIt ? "defragment" : null;
}
