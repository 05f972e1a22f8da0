/**
 * Failsafe mode: who is listed, who must be asked, when, and how a listener sees
 * a leader that the store does not show.
 *
 * Source: spec/ha.md 12; spec/dcs.md 3.10.
 */
import { revision } from "../base/units.ts";
import type { FailsafeMap } from "../codec/failsafe_codec.ts";
import type { ClusterView } from "../model/cluster_view.ts";
import type { FailsafeMember, FailsafePing } from "../model/failsafe.ts";
import { type Member, type MemberName, NO_TAGS } from "../model/member.ts";
import type { SlotView } from "../model/postgres_view.ts";
import type { Observation } from "../model/observation.ts";
import { driftAllowanceMs, leaseRemainingMs } from "./budgets.ts";

/** The map that this leader publishes: all members with an address, itself always. */
export function failsafeMap(
  view: ClusterView,
  own: FailsafeMember,
): FailsafeMap {
  const others = view.members.flatMap(({ name, apiUrl }) =>
    apiUrl === null || name === own.name ? [] : [[name, apiUrl] as const]
  );
  const all = [...others, [own.name, own.apiUrl] as const];
  return Object.fromEntries(all.sort(([a], [b]) => a < b ? -1 : 1));
}

/** True if both list the same addresses. */
export function isSameFailsafe(
  a: FailsafeMap | null,
  b: FailsafeMap | null,
): boolean {
  if (a === null || b === null) return a === b;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length &&
    names.every((name) => a[name] === b[name]);
}

/**
 * Whom this primary must ask now to go on without the store; null: the mode does
 * not cover it, or the last answers still do. Empty: it is alone on the map.
 *
 * Only a right that still holds can be extended, so nobody gains the lead here.
 */
export function failsafeQuestion(
  o: Observation,
): readonly FailsafeMember[] | null {
  const { settings, lease, memory } = o;
  const map = memory.failsafe;
  const remaining = leaseRemainingMs(lease, o.now);
  if (!settings.isFailsafeMode || settings.isPaused || map === null) {
    return null;
  }
  if (map[o.self] === undefined || remaining === null) return null;
  if (lease.cover !== "not_asked") return null;
  const fullMs = settings.ttlMs - driftAllowanceMs(settings.ttlMs);
  const isDue = lease.source === "store" ||
    remaining < fullMs - settings.loopWaitMs;
  if (!isDue) return null;
  return Object.entries(map).flatMap(([name, apiUrl]) =>
    name === o.self ? [] : [{ name, apiUrl }]
  );
}

/**
 * The view with the leader that pinged within the last `ttl`, if the store shows
 * none: while it goes on, nobody races.
 *
 * @param known The members of the last view that had a leader.
 */
export function withFailsafeLeader(
  view: ClusterView,
  ping: FailsafePing,
  known: readonly Member[],
): ClusterView {
  if (view.leader !== null) return view;
  const last = [...view.members, ...known].find((m) => m.name === ping.name);
  const member: Member = {
    ...(last ?? unknownMember(ping.name)),
    connUrl: ping.connUrl,
    apiUrl: ping.apiUrl,
    state: "running",
    role: "primary",
  };
  const others = view.members.filter((m) => m.name !== ping.name);
  return {
    ...view,
    leader: { name: ping.name, leaseId: null, revision: revision(0) },
    status: { ...view.status, slots: ping.slots },
    members: [...others, member].sort((a, b) => a.name < b.name ? -1 : 1),
  };
}

/** Where a leader's slots stand: logical ones where their consumer confirmed. */
export function slotPositions(
  slots: readonly SlotView[],
): FailsafePing["slots"] {
  return Object.fromEntries(slots.flatMap((slot) => {
    const position = slot.type === "physical"
      ? slot.restartLsn
      : slot.confirmedFlushLsn;
    return position === null ? [] : [[slot.name, position]];
  }));
}

/** For how long a consent may still be in force that this member gave before it was restarted. */
export function consentLeftMs(
  { now, memory, settings }: Pick<Observation, "now" | "memory" | "settings">,
): number {
  if (!settings.isFailsafeMode || memory.startedAt === null) return 0;
  return Math.max(0, settings.ttlMs - (now - memory.startedAt));
}

/**
 * The other members of the map that might lead by a consent which this member
 * gave before it was restarted; none without the mode.
 */
export function failsafeWitnesses(
  o: Pick<Observation, "self" | "settings">,
  view: ClusterView,
): readonly MemberName[] {
  if (!o.settings.isFailsafeMode) return [];
  return Object.keys(view.failsafe ?? {}).filter((name) =>
    name !== o.self &&
    !view.members.some((m) => m.name === name && m.tags.isNofailover)
  );
}

/** A member of whom only the name is known. */
function unknownMember(name: MemberName): Member {
  return {
    name,
    connUrl: null,
    apiUrl: null,
    state: "unknown",
    role: null,
    version: null,
    timeline: null,
    xlogLsn: null,
    receivedLsn: null,
    replayedLsn: null,
    replicationState: null,
    tags: NO_TAGS,
    doors: null,
    isCheckpointAfterPromotePending: false,
    pendingRestart: null,
    scheduledRestart: null,
    isPaused: false,
  };
}

/** Members of the failsafe map, as far as a race can ask them. */
export function failsafePeers(
  o: Pick<Observation, "settings">,
  view: ClusterView,
): readonly Member[] {
  if (!o.settings.isFailsafeMode) return [];
  return Object.entries(view.failsafe ?? {}).map(([name, apiUrl]) => ({
    ...unknownMember(name),
    apiUrl,
  }));
}
