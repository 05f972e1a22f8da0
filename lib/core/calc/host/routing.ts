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
import { type Lsn, maxLsn, type Moment } from "../../base/units.ts";
import { type LagHistory, lagMsOf } from "../documents/lag_history.ts";

/** An instance that clients may be connected to. */
export interface Backend {
  readonly name: MemberName;
  /** Without brackets, also for IPv6. */
  readonly host: string;
  readonly port: number;
  readonly via: BackendVia;
}

/** What stands at a backend's address. */
export type BackendVia =
  /** The instance, where its member key says. */
  | "address"
  /** The sealed instance of this host, which takes clients from here only. */
  | "loopback"
  /** The proxy beside the sealed instance of another host. */
  | "proxy";

/** The instance of this host, if it is sealed. */
export interface SealedInstance {
  readonly name: MemberName;
  /** A loopback address. */
  readonly host: string;
  readonly port: number;
}

/** Why a member gets no connections of a route. */
export type ExclusionReason =
  | "no_leader"
  | "leader_unknown"
  | "is_leader"
  | "not_primary"
  | "not_replica"
  | "not_running"
  | "not_streaming"
  | "lag_exceeds_maximum"
  | "lag_time_exceeds_maximum"
  /** Is about to be stopped or restarted: its clients may finish. */
  | "stopping"
  | "position_unknown"
  | "noloadbalance"
  /** Serves reads only if nobody of the preferred zone can. */
  | "other_zone"
  /** The store is away for so long that the leader's lease must have ended. */
  | "lease_over"
  | "address_unknown"
  | "handover_requested"
  | "local_not_primary"
  | "local_lease_passed"
  | "local_fenced";

/** One member (null: nobody in particular) left out of one route. */
export interface Exclusion {
  readonly route: "primary" | "replica";
  readonly name: MemberName | null;
  readonly reason: ExclusionReason;
  readonly facts: Facts;
}

/** The routing table. */
export interface Routes {
  /** Takes writes; null: nobody, new connections wait. */
  readonly primary: Backend | null;
  /** Is about to hand over: takes no new connections, those it has may go on. */
  readonly primaryResting: Backend | null;
  /** Take new read-only connections; sorted by name. */
  readonly replicas: readonly Backend[];
  /** In their place, if none of them can be had: earlier lists first. */
  readonly spares: readonly (readonly Backend[])[];
  /** Take no new read-only connections, but those they have may go on. */
  readonly resting: readonly Backend[];
  readonly exclusions: readonly Exclusion[];
}

/** What the local agent said of its own member; it knows earlier than the DCS. */
export interface LocalVeto {
  readonly name: MemberName;
  readonly reason: "local_not_primary" | "local_lease_passed" | "local_fenced";
}

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
}

/** The table before anything is known. */
export const NO_ROUTES: Routes = {
  primary: null,
  primaryResting: null,
  replicas: [],
  spares: [],
  resting: [],
  exclusions: [],
};

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
  const leader = limits.isReplicaFallback
    ? readableLeader(view, primary, limits)
    : null;
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

/** One text per backend, equal for equal backends; for maps and logs. */
export function backendKey(backend: Backend): string {
  return `${backend.name}@${backend.host}:${backend.port}`;
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
    return out(name, "address_unknown", { connUrl: member.connUrl });
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
    return out("address_unknown", { connUrl: member.connUrl });
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
  { name, connUrl, doors }: Member,
  route: keyof MemberDoors,
  { sealed }: RoutingLimits,
): Backend | null {
  if (sealed?.name === name) return { ...sealed, via: "loopback" };
  const address = connUrl === null ? null : parseConnUrl(connUrl);
  if (address === null) return null;
  return doors === null
    ? { name, ...address, via: "address" }
    : { name, host: address.host, port: doors[route], via: "proxy" };
}
