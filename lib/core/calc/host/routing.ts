/**
 * Where client connections may go, as one view of the scope shows it: the one
 * instance that takes writes, the replicas that are fresh enough for reads, and
 * for every member that is not in a list the reason with the numbers compared.
 *
 * It decides nothing about sessions; `proxy/gate.ts` applies the result.
 */
import { parseConnUrl } from "../../codec/conn_url.ts";
import { type ClusterView, memberOf } from "../../model/cluster_view.ts";
import type { Facts } from "../../model/decision.ts";
import type { Member, MemberDoors, MemberName } from "../../model/member.ts";
import type {
  Backend,
  Exclusion,
  ExclusionReason,
  LocalVeto,
  MemberTraits,
  Routes,
  SealedInstance,
} from "../../model/routes.ts";
import { type Lsn, maxLsn, type Moment } from "../../base/units.ts";
import { type LagHistory, lagMsOf } from "../documents/lag_history.ts";

/** The limits that routes keep. */
export interface RoutingLimits {
  /** A replica further behind gets no new connections. */
  readonly replicaLagBytesMax: number;
  /** The same for the time since when the leader has been further. */
  readonly replicaLagMsMax: number;
  /** What `replicaLagMsMax` is compared with. */
  readonly lagHistory: LagHistory;
  /** When the store was read last. */
  readonly asOf: Moment;
  /** Null: nothing is known that the DCS does not know. */
  readonly veto: LocalVeto | null;
  /** Member that its own agent is about to stop as planned. */
  readonly resting: MemberName | null;
  /** A request to switch over is expected to be carried out now. */
  readonly isHandoverExpected: boolean;
  /** Nobody can have renewed the leader's lease for longer than it lasts. */
  readonly isLeaseOver: boolean;
  /** The table so far; a replica that was too far behind must catch up by half. */
  readonly before: Routes;
  /** Replicas with this `zone` tag are preferred; null: all are equal. */
  readonly zone: string | null;
  /** The leader serves reads when no replica can. */
  readonly isReplicaFallback: boolean;
  /** Null: none on this host. */
  readonly sealed: SealedInstance | null;
  /** Clients are led to members' poolers (`proxy_url`), not to their instances. */
  readonly isPoolerWanted: boolean;
}

/** Either a place in the table or the reason for having none. */
type Verdict =
  | { readonly kind: "in"; readonly backend: Backend }
  /** May keep its sessions: it is behind or asked to be spared, not gone. */
  | {
    readonly kind: "resting";
    readonly backend: Backend;
    readonly exclusion: Exclusion;
  }
  | { readonly kind: "out"; readonly exclusion: Exclusion };

/**
 * The routing table of a view.
 *
 * A replica must stream while there is a leader. Without one nobody can stream,
 * and the lag behind the last published position alone decides, so that reads
 * go on during a failover.
 */
export function routes(view: ClusterView, limits: RoutingLimits): Routes {
  const primary = primaryVerdict(view, limits);
  const others = view.members
    .map((member) => replicaVerdict(view, member, limits));
  const usable = others.flatMap((v) => v.kind === "in" ? [v.backend] : []);
  const near = usable.filter(({ name }) => isInZone(view, name, limits.zone));
  const far = usable.filter((backend) => !near.includes(backend));
  const isNearEmpty = near.length === 0;
  const readable = readableLeader(view, primary, limits);
  const leader = limits.isReplicaFallback ? readable : null;
  const leaders = leader?.kind === "in" ? [leader.backend] : [];
  const finishing = leader?.kind === "resting" ? leader : null;
  return {
    primary: primary.kind === "in" ? primary.backend : null,
    primaryResting: primary.kind === "resting" ? primary.backend : null,
    replicas: isNearEmpty ? far : near,
    spares: [isNearEmpty ? [] : far, leaders].filter((list) => list.length > 0),
    resting: [...others, ...(finishing === null ? [] : [finishing])]
      .flatMap((v) => v.kind === "resting" ? [v.backend] : []),
    exclusions: [
      ...[primary, ...others].flatMap((v) =>
        v.kind === "in" ? [] : [v.exclusion]
      ),
      ...(finishing === null ? [] : [finishing.exclusion]),
      ...(isNearEmpty ? [] : far.map((spare) => inOtherZone(view, spare.name))),
    ],
    readers: usable,
    leaderReads: readable === null ? null : {
      backend: readable.backend,
      isStandby: primary.kind === "out",
      isResting: readable.kind === "resting",
    },
    isReplicaFallback: limits.isReplicaFallback,
    traits: Object.fromEntries(
      view.members.map((member) => [
        member.name,
        traitsIn(view, member, limits.zone),
      ]),
    ),
  };
}

/** Larger ones say nothing more; as HAProxy has it. */
const WEIGHT_MAX = 256;

function traitsIn(
  view: ClusterView,
  { name, tags }: Member,
  zone: string | null,
): MemberTraits {
  const weight = tags.published["weight"];
  const isWeight = typeof weight === "number" && Number.isInteger(weight) &&
    weight >= 0 && weight <= WEIGHT_MAX;
  return {
    zone: zoneOf(view, name),
    weight: isWeight ? weight : 1,
    isSync: view.sync.leader !== null && view.sync.standbys.includes(name),
    isNear: isInZone(view, name, zone),
  };
}

/** One that was turned away comes back only when it has clearly caught up. */
function lagLimits(
  { name }: Member,
  limits: RoutingLimits,
): { readonly lagBytesMax: number; readonly lagMsMax: number } {
  const wasBehind = limits.before.exclusions.some((exclusion) =>
    exclusion.route === "replica" && exclusion.name === name &&
    (exclusion.reason === "lag_exceeds_maximum" ||
      exclusion.reason === "lag_time_exceeds_maximum")
  );
  const share = wasBehind ? 0.5 : 1;
  return {
    lagBytesMax: limits.replicaLagBytesMax * share,
    lagMsMax: limits.replicaLagMsMax * share,
  };
}

function isInZone(
  view: ClusterView,
  name: MemberName,
  zone: string | null,
): boolean {
  return zone === null || zoneOf(view, name) === zone;
}

/** The `zone` tag of a member as text; null if it has none. */
export function zoneOf(view: ClusterView, name: MemberName): string | null {
  const zone = memberOf(view, name)?.tags.published["zone"];
  return zone === undefined || zone === null ? null : String(zone);
}

function inOtherZone(view: ClusterView, name: MemberName): Exclusion {
  const facts = { zone: zoneOf(view, name) };
  return { route: "replica", name, reason: "other_zone", facts };
}

/** Backends of a route that are about to be stopped as planned. */
export function drainedBackends(
  table: Routes,
  route: Exclusion["route"],
): readonly Backend[] {
  if (route === "primary") {
    return table.primaryResting === null ? [] : [table.primaryResting];
  }
  const stopping = table.exclusions
    .filter((one) => one.route === "replica" && one.reason === "stopping")
    .map(({ name }) => name);
  return table.resting.filter(({ name }) => stopping.includes(name));
}

function primaryVerdict(view: ClusterView, limits: RoutingLimits): Verdict {
  const { resting, veto } = limits;
  const out = (
    name: MemberName | null,
    reason: ExclusionReason,
    facts: Facts = {},
  ): Verdict => ({
    kind: "out",
    exclusion: { route: "primary", name, reason, facts },
  });
  if (view.leader === null) return out(null, "no_leader");
  const name = view.leader.name;
  const member = memberOf(view, name);
  if (member === null) return out(name, "leader_unknown");
  if (veto !== null && veto.name === name) return out(name, veto.reason);
  if (limits.isLeaseOver) return out(name, "lease_over");
  if (member.role !== "primary") {
    return out(name, "not_primary", { role: member.role });
  }
  // One that stops as planned lets its clients finish first.
  const isStopping = isPlannedStop(member);
  if (member.state !== "running" && !isStopping) {
    return out(name, "not_running", { state: member.state });
  }
  const backend = backendOf(member, "primary", limits);
  if (backend === null) {
    const { reason, facts } = addressRefusal(member, limits);
    return out(name, reason, facts);
  }
  const isHandingOver = isStopping || resting === name ||
    (limits.isHandoverExpected && isSwitchoverFrom(view, name));
  if (!isHandingOver) return { kind: "in", backend };
  const reason = "handover_requested";
  const exclusion = { route: "primary", name, reason, facts: {} } as const;
  return { kind: "resting", backend, exclusion };
}

/**
 * The leader as a server of reads, by the rules of `/read-only`: the primary, or
 * the leader of a standby cluster, which takes no writes. Null: neither.
 */
function readableLeader(
  view: ClusterView,
  primary: Verdict,
  limits: RoutingLimits,
): Exclude<Verdict, { kind: "out" }> | null {
  if (primary.kind === "in") return primary;
  if (primary.kind === "resting") return finishingReads(primary.backend);
  const name = view.leader?.name ?? null;
  const member = name === null ? null : memberOf(view, name);
  if (member?.role !== "standby_leader") return null;
  if (limits.veto?.name === name && limits.veto.reason === "local_fenced") {
    return null;
  }
  const backend = backendOf(member, "replica", limits);
  if (backend === null) return null;
  if (isPlannedStop(member) || limits.resting === name) {
    return finishingReads(backend);
  }
  return member.state === "running" ? { kind: "in", backend } : null;
}

function finishingReads(
  backend: Backend,
): Extract<Verdict, { kind: "resting" }> {
  const { name } = backend;
  const exclusion = { route: "replica", name, reason: "stopping" } as const;
  return { kind: "resting", backend, exclusion: { ...exclusion, facts: {} } };
}

function isPlannedStop({ state }: Member): boolean {
  return state === "stopping" || state === "restarting";
}

/** Whether an operator asked for a switchover from that member, for now. */
function isSwitchoverFrom(view: ClusterView, name: MemberName): boolean {
  const request = view.failover;
  return request !== null && request.leader === name &&
    request.scheduledAt === null;
}

function replicaVerdict(
  view: ClusterView,
  member: Member,
  limits: RoutingLimits,
): Verdict {
  const name = member.name;
  const exclusion = (reason: ExclusionReason, facts: Facts): Exclusion => ({
    route: "replica",
    name,
    reason,
    facts,
  });
  const out = (reason: ExclusionReason, facts: Facts = {}): Verdict => ({
    kind: "out",
    exclusion: exclusion(reason, facts),
  });
  if (view.leader?.name === name) return out("is_leader");
  if (member.role !== "replica") {
    return out("not_replica", { role: member.role });
  }
  const isStopping = isPlannedStop(member) || limits.resting === name;
  if (member.state !== "running" && !isStopping) {
    return out("not_running", { state: member.state });
  }
  const backend = backendOf(member, "replica", limits);
  if (backend === null) {
    const { reason, facts } = addressRefusal(member, limits);
    return out(reason, facts);
  }
  const refusal = isStopping
    ? { reason: "stopping", facts: {} } as const
    : freshnessRefusal(view, member, limits);
  if (refusal === null) return { kind: "in", backend };
  return {
    kind: "resting",
    backend,
    exclusion: exclusion(refusal.reason, refusal.facts),
  };
}

function freshnessRefusal(
  view: ClusterView,
  member: Member,
  limits: RoutingLimits,
): { readonly reason: ExclusionReason; readonly facts: Facts } | null {
  if (member.tags.isNoloadbalance) {
    return { reason: "noloadbalance", facts: {} };
  }
  if (view.leader !== null && member.replicationState !== "streaming") {
    const facts = { replicationState: member.replicationState };
    return { reason: "not_streaming", facts };
  }
  const leaderLsn = leaderPosition(view);
  if (leaderLsn === null) return null;
  const replayedLsn = member.replayedLsn ?? member.xlogLsn;
  if (replayedLsn === null) return { reason: "position_unknown", facts: {} };
  const { lagBytesMax, lagMsMax } = lagLimits(member, limits);
  const lagBytes = Number(leaderLsn - replayedLsn);
  if (lagBytes > lagBytesMax) {
    return { reason: "lag_exceeds_maximum", facts: { lagBytes, lagBytesMax } };
  }
  const lagMs = lagMsOf(limits.lagHistory, replayedLsn, limits.asOf);
  if (lagMs <= lagMsMax) return null;
  return { reason: "lag_time_exceeds_maximum", facts: { lagMs, lagMsMax } };
}

/** The furthest position that the leader published; null if it never did. */
export function leaderPosition(view: ClusterView): Lsn | null {
  const leader = view.leader === null ? null : memberOf(view, view.leader.name);
  return maxLsn(view.status.leaderLsn, leader?.xlogLsn ?? null);
}

/** Where a proxy connects for a member; null if that is not known. */
function backendOf(
  { name, connUrl, doors, proxyUrl }: Member,
  route: keyof MemberDoors,
  { isPoolerWanted, sealed }: RoutingLimits,
): Backend | null {
  if (isPoolerWanted) {
    // Past its pooler nobody is led: it may be what keeps clients few.
    const pooler = proxyUrl === null ? null : parseConnUrl(proxyUrl);
    return pooler === null ? null : { name, ...pooler, via: "pooler" };
  }
  const address = connUrl === null ? null : parseConnUrl(connUrl);
  if (sealed?.name === name) {
    const known = address === null ? {} : { publicHost: address.host };
    return { ...sealed, via: "loopback", ...known };
  }
  if (address === null) return null;
  return doors === null
    ? { name, ...address, via: "address" }
    : { name, host: address.host, port: doors[route], via: "proxy" };
}

function addressRefusal(
  { connUrl, proxyUrl }: Member,
  { isPoolerWanted }: RoutingLimits,
): { readonly reason: ExclusionReason; readonly facts: Facts } {
  return isPoolerWanted
    ? { reason: "pooler_unknown", facts: { proxyUrl } }
    : { reason: "address_unknown", facts: { connUrl } };
}
