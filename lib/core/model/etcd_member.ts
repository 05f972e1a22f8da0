/** What is known of the members of a managed etcd. */
import type { EtcdOrder } from "./etcd_order.ts";

/** Files of a certificate, and of the authority that the other side must be of. */
export interface EtcdTlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** How the member of this host is run. */
export interface EtcdMemberSettings {
  /** Name in etcd's list of members. */
  readonly name: string;
  /** Absolute; holds etcd's own files (`etcd`), its order, log, pid file and, unless they go elsewhere, snapshots. */
  readonly dataDir: string;
  /** `http[s]://HOST:PORT`, where clients' connections are accepted. */
  readonly clientListenUrl: string;
  /** The same as others are told. */
  readonly clientUrl: string;
  readonly peerListenUrl: string;
  readonly peerUrl: string;
  readonly heartbeatMs: number;
  readonly electionMs: number;
  /** Size of the data at which etcd refuses to write. */
  readonly quotaBytes: number;
  readonly snapshotDir: string;
  readonly snapshotsKept: number;
  /** Null: without TLS for clients. */
  readonly serverTls: EtcdTlsFiles | null;
  /** Null: without TLS between members. */
  readonly peerTls: EtcdTlsFiles | null;
}

/** A member as the cluster lists it. */
export interface EtcdMember {
  /** Decimal, as etcd's JSON has it. */
  readonly id: string;
  /** Empty: it was added and has never run. */
  readonly name: string;
  readonly peerUrl: string;
  /** Empty: it has never run, even if it has a name. */
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

/** A list of members, and whose it is. */
export interface EtcdView {
  readonly clusterId: string;
  readonly members: readonly EtcdMember[];
}

/** What one member says of itself; it does so without a quorum, too. */
export interface EtcdStatus {
  readonly clusterId: string;
  readonly memberId: string;
  readonly version: string;
  /** Null: it knows of no leader. */
  readonly leaderId: string | null;
  readonly isLearner: boolean;
  readonly raftTerm: number;
  /** Index of its newest entry. */
  readonly raftIndex: number;
  readonly revision: number;
  readonly dbBytes: number;
  /** The part of them that is not free for reuse. */
  readonly usedBytes: number;
}

/** How the last process ended, as far as its own words tell. */
export interface EtcdEnd {
  readonly why: string;
}

/** The member on this host, at one moment. */
export interface EtcdObservation {
  /** Null: there is none. */
  readonly order: EtcdOrder | null;
  readonly self: { readonly name: string; readonly peerUrl: string };
  readonly hasData: boolean;
  readonly isRunning: boolean;
  /** The process was started as the only member; a false may only mean that nobody knows. */
  readonly isForced: boolean;
  /** False: the last start failed a moment ago. */
  readonly mayStart: boolean;
  /** Its own answer; null: none came. */
  readonly own: EtcdStatus | null;
  /** The members by its own data, which may be old; null: no answer. */
  readonly local: EtcdView | null;
  /** The members as a majority has them; null: no majority answered. */
  readonly agreed: EtcdView | null;
  /** Ids of the members that answered; only known while it matters. */
  readonly alive: readonly string[];
}

/** How a process is started. */
export type EtcdStart =
  /** With the data that are there. */
  | { readonly kind: "again" }
  | { readonly kind: "found"; readonly members: readonly FoundedMember[] }
  | { readonly kind: "join"; readonly members: readonly FoundedMember[] }
  /** With its data, as the only member. */
  | { readonly kind: "force" };

/** A member as etcd's `--initial-cluster` has it. */
export interface FoundedMember {
  readonly name: string;
  readonly peerUrl: string;
}

/** What the agent waits for. */
export type EtcdWait =
  /** The process has not answered yet. */
  | "answer"
  /** The next start after one that failed. */
  | "next_start"
  /** Nobody of the cluster that it is to join answers. */
  | "cluster"
  /** Another member is being added. */
  | "other_change"
  /** Too few members run for another voter. */
  | "voters"
  /** Too few members run for any write. */
  | "quorum";

/** Why only an operator can go on. */
export type EtcdRefusal =
  | "no_order"
  | "not_a_founder"
  | "name_taken"
  | "data_lost"
  | "removed"
  | "data_of_other_cluster"
  | "other_cluster_runs";

/** What to do next. */
export type EtcdStep =
  | { readonly kind: "rest" }
  | { readonly kind: "wait"; readonly what: EtcdWait }
  | { readonly kind: "refuse"; readonly why: EtcdRefusal }
  | { readonly kind: "start"; readonly how: EtcdStart }
  /** For an order, or because it must not go on. */
  | { readonly kind: "stop"; readonly why: EtcdRefusal | "order" }
  | { readonly kind: "add_learner" }
  | { readonly kind: "promote"; readonly memberId: string }
  | { readonly kind: "set_aside" }
  | { readonly kind: "restore"; readonly snapshot: string }
  | { readonly kind: "note_order"; readonly order: EtcdOrder };
