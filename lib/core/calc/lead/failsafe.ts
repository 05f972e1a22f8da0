/**
 * Failsafe mode: who is listed, who must be asked, when, and how a listener sees
 * a leader that the store does not show.
 *
 * Source: docs/contract/ha.md 12; docs/contract/dcs.md 3.10.
 */
import { type Lsn, type Revision, revision } from "../../base/units.ts";
import { parseConnUrl } from "../../codec/conn_url.ts";
import type { FailsafeMap } from "../../codec/failsafe_codec.ts";
import type { ClusterView } from "../../model/cluster_view.ts";
import type { FailsafeMember, FailsafePing } from "../../model/failsafe.ts";
import { type Member, type MemberName, NO_TAGS } from "../../model/member.ts";
import type { SlotView } from "../../model/postgres_view.ts";
import type { Observation } from "../../model/observation.ts";
import { driftAllowanceMs, leaseRemainingMs } from "./budgets.ts";

/** As long as two attempts at a silent member may take; a restarted agent is back by then. */
const REFUSAL_PATIENCE_MS = 4_000;

/** Of a leader key that the store does not show. */
export const NO_REVISION: Revision = revision("");

/** A leader may not have read a change of the ttl. */
const TTL_RATIO_MAX = 2;

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
  if (lease.kind !== "held" || lease.cover !== "not_asked") return null;
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
  const apiUrl = last?.apiUrl ?? view.failsafe?.[ping.name] ?? null;
  const member: Member = {
    ...(last ?? unknownMember(ping.name)),
    // What the store says of it counts, not what anybody may send.
    connUrl: last?.connUrl ?? sameHostOnly(ping.connUrl, apiUrl),
    apiUrl,
    state: "running",
    role: "primary",
  };
  const others = view.members.filter((m) => m.name !== ping.name);
  return {
    ...view,
    leader: { name: ping.name, isHeld: false, revision: NO_REVISION },
    members: [...others, member].sort((a, b) => a.name < b.name ? -1 : 1),
  };
}

/**
 * The last view of a store that is away, with what a leader that goes on without
 * it says of its slots: by these the slots here are moved on. What somebody else
 * says moves none: a slot that was moved too far skips what nobody has received.
 */
export function slotViewWithoutStore(
  last: ClusterView,
  ping: FailsafePing,
): ClusterView {
  // One that the store showed, and not one that was completed by a ping.
  const isLeaders = last.leader?.name === ping.name &&
    last.leader.revision !== NO_REVISION;
  return {
    ...last,
    leader: { name: ping.name, isHeld: false, revision: NO_REVISION },
    status: isLeaders ? { ...last.status, slots: ping.slots } : last.status,
  };
}

/** The last view for a leader without store: the members told it how far they are. */
export function viewOfMembers(
  last: ClusterView,
  positions: Readonly<Record<MemberName, Lsn>>,
): ClusterView {
  const members = last.members.map((member) => ({
    ...member,
    xlogLsn: positions[member.name] ?? member.xlogLsn,
  }));
  return { ...last, members };
}

function sameHostOnly(connUrl: string, apiUrl: string | null): string | null {
  const host = parseConnUrl(connUrl)?.host;
  const isSame = host !== undefined && apiUrl !== null &&
    host === parseConnUrl(apiUrl)?.host;
  return isSame ? connUrl : null;
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
  const { lastConsent } = memory;
  if (!settings.isFailsafeMode || lastConsent === null) return 0;
  const ttlMs = lastConsent.ttlMs ?? settings.ttlMs;
  return Math.max(0, ttlMs - (now - lastConsent.at));
}

/**
 * Whether a primary that goes on by consents alone has been refused for so long
 * that it steps down, although the last consents still cover it: whoever does not
 * answer may be with the store, and what is written here may be lost to the next
 * leader. A member that leads itself is the proof of that.
 */
export function isConsentLost(
  { now, memory, lease }: Pick<Observation, "now" | "memory" | "lease">,
): boolean {
  const refusal = memory.failsafeRefusal;
  const isRefused = lease.kind === "held" && lease.source === "failsafe" &&
    lease.cover === "refused";
  if (!isRefused) return false;
  return refusal !== null &&
    (refusal.isByLeader || now - refusal.since >= REFUSAL_PATIENCE_MS);
}

/** What this member knows of others, to tell a leader from a stranger. */
export interface KnownMembers {
  readonly map: FailsafeMap | null;
  readonly members: readonly Member[];
  /** The own ttl. */
  readonly ttlMs: number;
}

/**
 * Why `ping` cannot be from a leader of this scope; null: it can. Any longer
 * promise than twice the own ttl is refused, not cut: the leader would rely on it.
 */
export function strangeness(
  ping: FailsafePing,
  { map, members, ttlMs }: KnownMembers,
): string | null {
  const isKnown = Object.hasOwn(map ?? {}, ping.name) ||
    members.some(({ name }) => name === ping.name);
  if (!isKnown) return "it is no member of the scope";
  return (ping.ttlMs ?? 0) > TTL_RATIO_MAX * ttlMs
    ? "its ttl is far from the one here"
    : null;
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
    proxyUrl: null,
    doors: null,
    pledging: null,
    fencing: null,
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
