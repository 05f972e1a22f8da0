/**
 * Which replication slots this instance should have, and why: members that
 * stream from it or may some day, members that are away for a while, and the
 * permanent slots of the operator.
 *
 * Source: docs/contract/ha.md 15.1.
 */
import { type Lsn, maxLsn } from "../../base/units.ts";
import { slotNameOf } from "../../codec/slot_name.ts";
import type { ClusterView } from "../../model/cluster_view.ts";
import { memberOf } from "../../model/cluster_view.ts";
import type { Member, MemberName, Tags } from "../../model/member.ts";
import type { PrimaryView, ReplicaView } from "../../model/postgres_view.ts";
import type { ClusterSettings } from "../../model/settings.ts";
import type { PermanentSlot } from "../../model/slot_settings.ts";
import { hasStreamingPath, upstreamOf } from "../lead/topology.ts";

/** What the wanted slots depend on. */
export interface SlotInputs {
  readonly self: MemberName;
  readonly tags: Tags;
  readonly settings: ClusterSettings;
  readonly view: ClusterView;
  readonly postgres: PrimaryView | ReplicaView;
}

/** A physical slot to have. */
export interface WantedPhysical {
  readonly type: "physical";
  readonly name: string;
  /**
   * - active: its member should stream from here; nobody but the member moves it
   * - inactive: its member streams from elsewhere; it is moved after the target
   * - retained: its member is away; it is kept as it is
   */
  readonly use: "active" | "inactive" | "retained";
  /** Where it stands elsewhere; null: unknown. */
  readonly target: Lsn | null;
}

/** A logical slot to have. */
export interface WantedLogical {
  readonly type: "logical";
  readonly name: string;
  readonly database: string;
  readonly plugin: string;
  /** Where it stands on the leader; null: the leader has not published it. */
  readonly target: Lsn | null;
}

/** A slot to have. */
export type WantedSlot = WantedPhysical | WantedLogical;

/** All of them by name, and what is wrong with their names. */
export interface WantedSlots {
  readonly slots: ReadonlyMap<string, WantedSlot>;
  readonly problems: readonly string[];
}

/** The slots that this instance should have. */
export function wantedSlots(inputs: SlotInputs): WantedSlots {
  const { settings, view, self, tags } = inputs;
  const slots = new Map<string, WantedSlot>();
  const problems: string[] = [];
  if (!settings.hasSlots) return { slots, problems };
  const sharers = new Map<string, MemberName[]>([[slotNameOf(self), [self]]]);
  for (const member of membersWithSlot(inputs)) {
    const name = slotNameOf(member.name);
    sharers.set(name, [...sharers.get(name) ?? [], member.name]);
    slots.set(name, memberSlot(inputs, member));
  }
  for (const [slot, names] of sharers) {
    if (names.length < 2) continue;
    problems.push(
      `Following cluster members share a replication slot name: ${
        names.join(", ")
      } (slot '${slot}')`,
    );
  }
  if (tags.isNofailover) return { slots, problems };
  for (const name of view.status.retainSlots ?? []) {
    if (slots.has(name) || name === slotNameOf(self)) continue;
    slots.set(name, { type: "physical", name, use: "retained", target: null });
  }
  const owners = new Map(
    view.members.map((member) => [slotNameOf(member.name), member] as const)
      .reverse(),
  );
  for (const [name, slot] of Object.entries(permanentHere(inputs))) {
    const taken = slots.get(name);
    if (taken !== undefined && slot.type === "logical") {
      problems.push(
        `Permanent logical replication slot '${name}' is conflicting with the physical slot of a cluster member`,
      );
    } else if (slot.type === "logical") {
      const target = view.status.slots?.[name] ?? null;
      slots.set(name, { ...slot, name, target });
    } else if (
      (taken === undefined || isRetained(taken)) && name !== slotNameOf(self)
    ) {
      const owner = owners.get(name) ?? null;
      slots.set(name, permanentPhysical(inputs, name, owner));
    }
  }
  return { slots, problems };
}

function isRetained(slot: WantedSlot): boolean {
  return slot.type === "physical" && slot.use === "retained";
}

/** Members for which a slot is kept here. */
function membersWithSlot(inputs: SlotInputs): readonly Member[] {
  const { view, self, settings, tags } = inputs;
  const others = view.members.filter((member) =>
    member.name !== self && !member.tags.isNostream
  );
  if (settings.memberSlotsTtlMs <= 0) {
    return others.filter((member) => upstreamOf(view, member) === self);
  }
  // A member that never leads only serves its own cascade.
  return tags.isNofailover
    ? others.filter((member) => member.tags.replicatefrom === self)
    : others;
}

function memberSlot(inputs: SlotInputs, member: Member): WantedPhysical {
  const { view, self } = inputs;
  const name = slotNameOf(member.name);
  const published = view.status.slots?.[name] ?? null;
  // A cascading member's slot is inactive on the leader, which therefore does
  // not know its position; leaders of old versions never do.
  const isAsked = member.tags.replicatefrom !== null || isOldLeader(view);
  return {
    type: "physical",
    name,
    use: upstreamOf(view, member) === self ? "active" : "inactive",
    target: isAsked ? maxLsn(published, member.xlogLsn) : published,
  };
}

function isOldLeader(view: ClusterView): boolean {
  const leader = view.leader === null ? null : memberOf(view, view.leader.name);
  return /^[0-3]\./.test(leader?.version ?? "");
}

function permanentPhysical(
  inputs: SlotInputs,
  name: string,
  owner: Member | null,
): WantedPhysical {
  const { view, self, postgres } = inputs;
  const published = view.status.slots?.[name] ?? null;
  const isLeading = postgres.role === "primary" || view.leader?.name === self;
  const isCascading = (owner?.tags.replicatefrom ?? null) !== null;
  return {
    type: "physical",
    name,
    use: isLeading && !isCascading ? "active" : "inactive",
    target: maxLsn(published, owner?.xlogLsn ?? null),
  };
}

/** The operator's slots that belong on this instance. */
export function permanentHere(
  inputs: Pick<SlotInputs, "self" | "tags" | "settings" | "view">,
): Readonly<Record<string, PermanentSlot>> {
  const { settings, tags, view, self } = inputs;
  if (!settings.hasSlots || tags.isNofailover) return {};
  const kind = settings.isStandbyCluster ? "standby" : "primary";
  const isPhysicalOnly = settings.isStandbyCluster ||
    !hasStreamingPath(view, { name: self, tags });
  return Object.fromEntries(
    Object.entries(settings.slots.permanent).filter(([, slot]) =>
      slot.type === "logical"
        ? !isPhysicalOnly
        : slot.clusterType === null || slot.clusterType === kind
    ),
  );
}

/**
 * Whether this instance must tell its upstream which catalog rows it needs:
 * logical slots are kept here, or by somebody who streams from here.
 *
 * Source: docs/contract/ha.md 15.2, last paragraph.
 */
export function isFeedbackForced(
  inputs: Pick<SlotInputs, "self" | "tags" | "settings" | "view">,
): boolean {
  const { view, settings, self } = inputs;
  const isLogical = Object.values(settings.slots.permanent)
    .some((slot) => slot.type === "logical");
  if (!isLogical || !settings.hasSlots) return false;
  const followers = Map.groupBy(
    view.members.filter(({ name }) => name !== view.leader?.name),
    ({ tags }) => tags.replicatefrom,
  );
  const branch = [{ name: self, tags: inputs.tags }];
  const seen = new Set([self]);
  for (const { name, tags } of branch) {
    const kept = permanentHere({ settings, view, self: name, tags });
    if (Object.values(kept).some(({ type }) => type === "logical")) return true;
    const added = (followers.get(name) ?? [])
      .filter((member) => !seen.has(member.name));
    for (const member of added) seen.add(member.name);
    branch.push(...added);
  }
  return false;
}
