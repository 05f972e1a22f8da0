/**
 * What the member of etcd on this host is to be. It lies in the member's folder;
 * whoever sets the host up writes it, and so do the commands that an operator
 * gives. Only the agent acts on it, however often it is interrupted, and writes
 * `member` when it is done.
 */

/** Name of the file in the member's folder. */
export const ORDER_FILE = "order.json";

/** One of the members that found a cluster together. */
export interface FoundingMember {
  readonly name: string;
  /** `http[s]://HOST:PORT`, as other members reach it. */
  readonly peerUrl: string;
  /** As clients reach it: whether the cluster exists already is asked there. */
  readonly clientUrl: string;
}

/** What the agent is to make of the folder. */
export type EtcdOrder =
  /** A new cluster of these members, this host's among them: usually it alone. */
  | { readonly kind: "found"; readonly members: readonly FoundingMember[] }
  /** A further member of the cluster that answers at these client addresses, as learner at first. */
  | { readonly kind: "join"; readonly through: readonly string[] }
  /** The same, but what data there is is set aside first. */
  | { readonly kind: "rejoin"; readonly through: readonly string[] }
  /** It is that member; an empty folder is a loss now, and no beginning. */
  | {
    readonly kind: "member";
    readonly clusterId: string;
    readonly memberId: string;
  }
  /** The quorum is lost for good: this member alone goes on with its data. */
  | { readonly kind: "force" }
  /** A new cluster of this member alone, with the data of a snapshot. */
  | { readonly kind: "restore"; readonly snapshot: string };
