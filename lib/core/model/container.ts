/** What containers of one cluster know of each other before any of them runs etcd. */
import type { EtcdView } from "./etcd_member.ts";
import type { EtcdOrder } from "./etcd_order.ts";

/** What a container's volume holds of etcd. */
export type VolumeState =
  /** Nothing yet: it may found a cluster with others. */
  | "empty"
  /** It has decided to found one, and has seen no quorum of it yet. */
  | "founding"
  /** It is, or was, a member of a cluster, or joins one. */
  | "member";

/** What one container says of itself to the others. */
export interface ContainerGreeting {
  readonly cluster: string;
  readonly name: string;
  /** Names of those that found the cluster together, sorted. */
  readonly founders: readonly string[];
  readonly state: VolumeState;
}

/** One container at one moment, before its agent starts or while it runs. */
export interface ContainerObservation {
  readonly cluster: string;
  readonly self: { readonly name: string; readonly peerUrl: string };
  /** Sorted; `self` need not be one of them. */
  readonly founders: readonly string[];
  readonly order: EtcdOrder | null;
  readonly hasData: boolean;
  /** etcd's members as a majority has them; null: no majority answered. */
  readonly agreed: EtcdView | null;
  /** Ids of the members that answer for themselves; this container's own does not run yet. */
  readonly alive: readonly string[];
  /** What the other founders say, of those that answer. */
  readonly greetings: readonly ContainerGreeting[];
}

/** What a container waits for. */
export type ContainerWait =
  /** Founders that do not answer: what their volumes hold is not known. */
  | { readonly kind: "founders"; readonly silent: readonly string[] }
  /** Founders that name other founders, or another cluster. */
  | { readonly kind: "other_plan"; readonly names: readonly string[] }
  /** There is a cluster, and no majority of it answers. */
  | { readonly kind: "cluster"; readonly members: readonly string[] }
  /** A living member has this container's name. */
  | { readonly kind: "namesake" }
  /** Without the lost member too few would run. */
  | { readonly kind: "quorum" };

/** What to do next for the member of etcd of a container. */
export type ContainerStep =
  /** The agent looks after it. */
  | { readonly kind: "go" }
  /** All founders' volumes are empty: a new cluster. */
  | { readonly kind: "found" }
  | { readonly kind: "join" }
  /** The same; data of before are set aside. */
  | { readonly kind: "rejoin" }
  /** The member whose data went with a volume; a new one takes its place. */
  | { readonly kind: "remove"; readonly memberId: string }
  | { readonly kind: "wait"; readonly what: ContainerWait };
