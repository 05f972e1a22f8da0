/**
 * What the leader says of its slots in the `status` key, and for how long it
 * keeps the slots of members that are away.
 *
 * Source: docs/contract/dcs.md 3.5.
 */
import type { Lsn, Moment } from "../../base/units.ts";
import { slotNameOf } from "../../codec/slot_name.ts";
import { ownPosition } from "../../model/postgres_view.ts";
import { isSameSlot } from "./slots.ts";
import { permanentHere, type SlotInputs, wantedSlots } from "./slots_wanted.ts";

/** When each retained slot's member was last there, by slot name. */
export type RetainStamps = Readonly<Record<string, Moment>>;

/**
 * Positions of the slots that the leader manages, its own name included.
 *
 * @returns Null: slots are not used.
 */
export function managedSlots(
  inputs: SlotInputs,
): Readonly<Record<string, Lsn>> | null {
  const { settings, self, postgres } = inputs;
  if (!settings.hasSlots) return null;
  const { slots: wanted } = wantedSlots(inputs);
  const published: Record<string, Lsn> = {};
  for (const slot of postgres.slots) {
    const known = wanted.get(slot.name);
    if (known === undefined || !isSameSlot(slot, known)) continue;
    const position = slot.type === "logical"
      ? slot.confirmedFlushLsn
      : slot.restartLsn;
    if (position !== null) published[slot.name] = position;
  }
  const own = ownPosition(postgres);
  if (own !== null) published[slotNameOf(self)] = own;
  return settings.memberSlotsTtlMs > 0
    ? published
    : permanentOnly(inputs, published);
}

/** Without retention only the operator's slots are anybody's business. */
function permanentOnly(
  inputs: SlotInputs,
  published: Readonly<Record<string, Lsn>>,
): Readonly<Record<string, Lsn>> {
  const { permanent } = inputs.settings.slots;
  const members = new Set(
    inputs.view.members.map((member) => slotNameOf(member.name)),
  );
  return Object.fromEntries(
    Object.entries(published).filter(([name]) => {
      const type = permanent[name]?.type;
      return type === "physical" || (type === "logical" && !members.has(name));
    }),
  );
}

/**
 * The stamps after this cycle: members that are there begin anew, those that
 * are away longer than `member_slots_ttl` drop out.
 *
 * @param stamps Null: this member leads since now; it takes over the names of
 * the key and restarts their clocks.
 * @param published What {@link managedSlots} returned.
 */
export function retain(
  inputs: SlotInputs & { readonly now: Moment },
  stamps: RetainStamps | null,
  published: Readonly<Record<string, Lsn>> | null,
): RetainStamps {
  const { view, settings, self, now } = inputs;
  const inherited = view.status.retainSlots ?? [];
  const next: Record<string, Moment> = {
    ...(stamps ?? Object.fromEntries(inherited.map((name) => [name, now]))),
  };
  const permanent = permanentHere(inputs);
  const present = new Set(
    view.members.filter((member) => !member.tags.isNostream)
      .map((member) => slotNameOf(member.name)).concat(slotNameOf(self)),
  );
  for (const name of Object.keys(published ?? {})) {
    const isOperators = permanent[name]?.type === "physical";
    if (present.has(name) && !isOperators) next[name] = now;
  }
  return Object.fromEntries(
    Object.entries(next).filter(([, stamp]) =>
      stamp + settings.memberSlotsTtlMs > now
    ),
  );
}
