/**
 * Virtual addresses: what the configuration asks for and what the host's
 * interfaces carry.
 */

/** Who of the scope carries an address. */
export type VipRole =
  /** The member that takes writes under its lease. */
  | "primary"
  /** One streaming replica. */
  | "replica"
  /** The leader of a standby cluster. */
  | "standby_leader"
  /** One stand-alone proxy of a group, elected over the store. */
  | "proxy";

/** One entry of the section `vip`. */
export interface Vip {
  /** IPv4 or IPv6, without prefix. */
  readonly address: string;
  readonly prefixLength: number;
  /** {@link NO_INTERFACE}: only the program of `exec` knows where it is. */
  readonly interface: string;
  readonly role: VipRole;
  /** Of a replica's address: the leader carries it while no replica can. */
  readonly isReplicaFallback: boolean;
  /** A neighbour that is told of a move directly; null: only the broadcast. */
  readonly gateway: string | null;
  /** The network is told again that often where the address is; null: only after a move. */
  readonly announceEveryMs: number | null;
  /** What `ifconfig` calls it, IPv4 only; null: nothing of its own. */
  readonly label: string | null;
  /** Come and go with the address: what stands behind `ip route replace`. */
  readonly routes: readonly CommandWords[];
  /** The same behind `ip rule add`. */
  readonly rules: readonly CommandWords[];
  /** Is told of each move, afterwards; null: nobody. */
  readonly onMove: VipCommand | null;
  /** Moves the address where a network is not told by its hosts; null: nothing does. */
  readonly exec: VipCommand | null;
}

/** A program of the operator's. */
export interface VipCommand {
  readonly words: CommandWords;
  /** It is ended when it takes longer. */
  readonly timeoutMs: number;
}

/** The interface of an address that no kernel is told of. */
export const NO_INTERFACE = "";

/** An address with nothing beside it. */
export const BARE_VIP = {
  label: null,
  routes: [],
  rules: [],
  onMove: null,
  exec: null,
} as const satisfies Partial<Vip>;

/** How a proxy stands for the addresses of a group. */
export interface VipStanding {
  /** Proxies of the scope with the same group share its addresses. */
  readonly group: string;
  /** Of those that could carry the addresses the highest one does. */
  readonly priority: number;
  /** Takes the addresses from a proxy of a lower priority that is well. */
  readonly isPreempting: boolean;
}

/** Addresses that one proxy of a group carries together. */
export interface VipGroup extends VipStanding {
  readonly vips: readonly Vip[];
}

/** An address as an interface carries it. */
export interface BoundAddress {
  readonly interface: string;
  readonly address: string;
  readonly prefixLength: number;
  /** IPv6 only: the kernel found that another host has it. */
  readonly isDuplicate: boolean;
  /** IPv4 only: as the kernel calls it; absent: not known. */
  readonly label?: string;
}

/** A network interface. */
export interface HostLink {
  readonly name: string;
  /** It is switched on and has a carrier: the cable is in. */
  readonly isUp: boolean;
  /** As text; null: it has none, as the loopback. */
  readonly hardware: string | null;
}

/** The interfaces of a host and the addresses on them, at one moment. */
export interface HostAddresses {
  readonly links: readonly HostLink[];
  readonly bound: readonly BoundAddress[];
}

/** A program and its words. */
export type CommandWords = readonly string[];
