/**
 * Physical replication slots for the members of the scope: which to create, to
 * drop and to advance on this instance. Permanent and logical slots are left
 * alone here.
 */
import type { Lsn } from "../base/units.ts";
import { slotNameOf } from "../codec/slot_name.ts";
import type { ClusterView } from "../model/cluster_view.ts";
import type { MemberName } from "../model/member.ts";
import type {
  PrimaryView,
  ReplicaView,
  SlotView,
} from "../model/postgres_view.ts";
import type { ClusterSettings } from "../model/settings.ts";

/** What the plan is made from. */
export interface SlotInputs {
  readonly self: MemberName;
  readonly settings: ClusterSettings;
  readonly view: ClusterView;
  readonly postgres: PrimaryView | ReplicaView;
}

/** The changes. */
export interface SlotChanges {
  readonly create: readonly string[];
  readonly drop: readonly string[];
  readonly advance: Readonly<Record<string, Lsn>>;
}

/**
 * The changes that bring the member slots of this instance in line with the
 * view. A slot is only dropped if the status key shows that it was a member's.
 *
 * Source: spec/ha.md 15.
 */
export function planSlots(inputs: SlotInputs): SlotChanges {
  const { view, postgres, settings } = inputs;
  const existing = new Map(
    postgres.slots.filter((slot) => slot.type === "physical")
      .map((slot) => [slot.name, slot]),
  );
  const wanted = wantedNames(inputs);
  const retained = new Set(view.status.retainSlots ?? []);
  const published = view.status.slots ?? {};
  const drop = [...existing.values()].filter((slot) =>
    !wanted.has(slot.name) && !retained.has(slot.name) && !slot.isActive &&
    slot.name in published && !settings.isPaused
  ).map((slot) => slot.name);
  return {
    create: [...wanted].filter((name) => !existing.has(name)).sort(),
    drop,
    advance: postgres.role === "primary"
      ? {}
      : advances([...existing.values()], { wanted, published, postgres }),
  };
}

function wantedNames(inputs: SlotInputs): ReadonlySet<string> {
  const { settings, view, self } = inputs;
  if (!settings.hasSlots) return new Set();
  return new Set(
    view.members.filter((member) =>
      member.name !== self && !member.tags.isNostream
    ).map((member) => slotNameOf(member.name)),
  );
}

function advances(
  slots: readonly SlotView[],
  facts: {
    readonly wanted: ReadonlySet<string>;
    readonly published: Readonly<Record<string, Lsn>>;
    readonly postgres: ReplicaView;
  },
): Readonly<Record<string, Lsn>> {
  const advance: Record<string, Lsn> = {};
  const replayed = facts.postgres.replayedLsn ?? 0n;
  for (const slot of slots) {
    const target = facts.published[slot.name];
    if (target === undefined || slot.isActive) continue;
    if (!facts.wanted.has(slot.name) || slot.restartLsn === null) continue;
    if (target > slot.restartLsn && target <= replayed) {
      advance[slot.name] = target;
    }
  }
  return advance;
}

/** What the leader publishes of its slots: name to position, its own name included. */
export function publishedSlots(
  self: MemberName,
  primary: PrimaryView,
): Readonly<Record<string, Lsn>> {
  const slots: Record<string, Lsn> = {};
  for (const slot of primary.slots) {
    if (slot.type === "physical" && slot.restartLsn !== null) {
      slots[slot.name] = slot.restartLsn;
    }
  }
  return { ...slots, [slotNameOf(self)]: primary.flushedLsn };
}
