/**
 * Virtual addresses: what the configuration asks for and what the host's
 * interfaces carry.
 */

/** One entry of the section `vip`. */
export interface Vip {
  /** IPv4 or IPv6, without prefix. */
  readonly address: string;
  readonly prefixLength: number;
  readonly interface: string;
  /** Which member of the scope carries it. */
  readonly role: "primary" | "replica";
  /** Of a replica's address: the leader carries it while no replica can. */
  readonly isReplicaFallback: boolean;
  /** A neighbour that is told of a move directly; null: only the broadcast. */
  readonly gateway: string | null;
}

/** An address as an interface carries it. */
export interface BoundAddress {
  readonly interface: string;
  readonly address: string;
  readonly prefixLength: number;
  /** IPv6 only: the kernel found that another host has it. */
  readonly isDuplicate: boolean;
}

/** A program and its words. */
export type CommandWords = readonly string[];
