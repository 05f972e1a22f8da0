/** Where ZooKeeper is, who asks, and how. */
import type { Clock } from "../../ports/clock.ts";
import type { Acl } from "./messages.ts";

/** One server. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Where the servers are. */
export type Ensemble =
  | { readonly kind: "listed"; readonly hosts: readonly HostPort[] }
  /** Exhibitor's servers know them, and are asked again after `pollMs`. */
  | {
    readonly kind: "exhibitor";
    readonly hosts: readonly HostPort[];
    readonly pollMs: number;
  };

/** Paths of PEM files, and whether the server's certificate is checked. */
export interface ZookeeperTls {
  readonly cacert: string | null;
  readonly cert: string | null;
  /** Null: it stands in the certificate's file. */
  readonly key: string | null;
  readonly keyPassword: string | null;
  readonly isVerified: boolean;
}

/** Who asks, in one of ZooKeeper's schemes; said on each new connection. */
export interface Credential {
  readonly scheme: string;
  readonly credential: string;
}

/** What the adapter needs. */
export interface ZookeeperOptions {
  readonly ensemble: Ensemble;
  /** Null: none. */
  readonly tls: ZookeeperTls | null;
  /** As they are now; asked at every call. */
  readonly credentials: () => readonly Credential[];
  /** Of the nodes that are made; empty: everybody may do everything. */
  readonly acl: readonly Acl[];
  /** `/<namespace>/<scope>`, without a slash at its end. */
  readonly scopePath: string;
  readonly clock: Clock;
}
