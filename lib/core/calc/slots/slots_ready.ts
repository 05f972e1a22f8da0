/**
 * Whether the logical slots of a replica would work after a failover. A slot that
 * was copied, or that the instance found at its start, may need catalog rows that
 * the leader has vacuumed meanwhile; it is safe as soon as the leader's physical
 * slot for this member has protected them without a gap.
 *
 * Source: docs/contract/ha.md 15.2, "not ready".
 */
import type { PermanentSlot } from "../../model/slot_settings.ts";
import type { SlotInputs } from "./slots_wanted.ts";

/** Slots that are not known to be safe. */
export interface UnreadySlots {
  /** The postmaster under which they were found; a new one begins anew. */
  readonly postmasterPid: number;
  /**
   * By name: what the leader's own logical slot protected when its physical slot
   * first protected anything; null: it does not yet.
   */
  readonly slots: Readonly<Record<string, number | null>>;
}

/** What the leader's slots protect. */
export interface LeaderXmins {
  /** Name of the physical slot that stands for this member there. */
  readonly physical: string;
  /** By slot name; null: nothing. */
  readonly xmins: Readonly<Record<string, number | null>>;
}

/** Adds slots that a start of the instance brought; drops those that are gone. */
export function keepUnready(
  unready: UnreadySlots,
  { postgres }: Pick<SlotInputs, "postgres">,
  permanent: Readonly<Record<string, PermanentSlot>>,
): UnreadySlots {
  const { postmasterPid } = postgres;
  if (postgres.role === "primary") return { postmasterPid, slots: {} };
  const isNew = unready.postmasterPid !== postmasterPid;
  const names = postgres.slots.filter((slot) =>
    slot.type === "logical" && permanent[slot.name]?.type === "logical" &&
    (isNew || slot.name in unready.slots)
  ).map((slot) => slot.name);
  return {
    postmasterPid,
    slots: Object.fromEntries(
      names.map((name) => [name, isNew ? null : unready.slots[name] ?? null]),
    ),
  };
}

/** Sorts out the slots that are safe now. */
export function sortReady(
  unready: UnreadySlots,
  { postgres }: Pick<SlotInputs, "postgres">,
  leader: LeaderXmins,
): { readonly unready: UnreadySlots; readonly safe: readonly string[] } {
  const protectedFrom = leader.xmins[leader.physical] ?? null;
  const slots: Record<string, number | null> = {};
  const safe: string[] = [];
  for (const [name, seen] of Object.entries(unready.slots)) {
    const own = postgres.slots.find((slot) => slot.name === name)?.catalogXmin;
    const first = seen ??
      (protectedFrom === null ? null : leader.xmins[name] ?? null);
    const isSafe = own != null && first !== null && protectedFrom !== null &&
      isNotAfter(first, protectedFrom) &&
      isNotAfter(protectedFrom, Number(own));
    if (isSafe) safe.push(name);
    else slots[name] = first;
  }
  return { unready: { ...unready, slots }, safe };
}

/** Transaction ids go in a circle of 32 bits. */
function isNotAfter(a: number, b: number): boolean {
  return ((b - a) | 0) >= 0;
}
