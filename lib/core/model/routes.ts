/**
 * The routing table of a proxy: where client connections may go, and for every
 * member that is not in a list the reason with the numbers compared.
 */
import type { Facts } from "./decision.ts";
import type { MemberName } from "./member.ts";

/** An instance that clients may be connected to. */
export interface Backend {
  readonly name: MemberName;
  /** Without brackets, also for IPv6. */
  readonly host: string;
  readonly port: number;
  readonly via: BackendVia;
  /** What others call its host, and its certificate does; absent: `host`. */
  readonly publicHost?: string;
}

/** What stands at a backend's address. */
export type BackendVia =
  /** The instance, where its member key says. */
  | "address"
  /** The pooler in front of the instance, where the member key says. */
  | "pooler"
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
  | "pooler_unknown"
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
  /** All replicas that take new readers, of any zone; sorted by name. */
  readonly readers: readonly Backend[];
  /** The leader as a server of reads, by the rules of `/read-only`. */
  readonly leaderReads: LeaderReads | null;
  /** The leader serves reads when no replica can. */
  readonly isReplicaFallback: boolean;
  /** Of the members; who is missing has nothing special. */
  readonly traits: Readonly<Record<MemberName, MemberTraits>>;
}

/** A leader that serves reads: a primary, or one of a standby cluster. */
export interface LeaderReads {
  readonly backend: Backend;
  readonly isStandby: boolean;
  /** Is about to stop as planned: no new readers. */
  readonly isResting: boolean;
}

/** What a port may go by when it chooses. */
export interface MemberTraits {
  /** The tag `zone`. */
  readonly zone: string | null;
  /** The tag `weight`: its share of new readers; 0: none. */
  readonly weight: number;
  readonly isSync: boolean;
  /** Is in the zone that the proxy prefers, or none is preferred. */
  readonly isNear: boolean;
}

/** What the local agent said of its own member; it knows earlier than the DCS. */
export interface LocalVeto {
  readonly name: MemberName;
  readonly reason: "local_not_primary" | "local_lease_passed" | "local_fenced";
}

/** The table before anything is known. */
export const NO_ROUTES: Routes = {
  primary: null,
  primaryResting: null,
  replicas: [],
  spares: [],
  resting: [],
  exclusions: [],
  readers: [],
  leaderReads: null,
  isReplicaFallback: false,
  traits: {},
};

/** One text per backend, equal for equal backends; for maps and logs. */
export function backendKey(backend: Backend): string {
  return `${backend.name}@${backend.host}:${backend.port}`;
}
