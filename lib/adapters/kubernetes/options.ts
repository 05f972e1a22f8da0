/** Where the API server is, who asks, and what the objects of the scope are. */
import type { Clock } from "../../ports/clock.ts";

/** Who is let in, besides a client certificate. */
export type Authorization =
  | { readonly kind: "none" }
  | { readonly kind: "token"; readonly token: string }
  /** The cluster writes a new one into the file before the old one ends. */
  | { readonly kind: "token_file"; readonly path: string }
  | {
    readonly kind: "password";
    readonly username: string;
    readonly password: string;
  }
  | { readonly kind: "program"; readonly program: LoginProgram };

/**
 * A program that logs in: it prints a token or a client certificate.
 *
 * Source: Kubernetes' documentation, "Authenticating", client-go credential
 * plugins.
 */
export interface LoginProgram {
  /** With a slash a path, else a name that PATH has. */
  readonly command: string;
  readonly args: readonly string[];
  /** What it gets besides this process's own variables. */
  readonly env: Readonly<Record<string, string>>;
  /** `client.authentication.k8s.io/v1` or `v1beta1`. */
  readonly apiVersion: string;
  /** What it wants to know of the cluster; null: nothing. */
  readonly cluster: Readonly<Record<string, unknown>> | null;
}

/** A client certificate with its key, as PEM. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

/** The contents of the TLS files, in the form of Node's TLS. */
export interface TlsContents {
  readonly rejectUnauthorized: boolean;
  readonly ca?: string;
}

/** How to speak with the API server. */
export interface KubernetesCredentials {
  /** `https://host:port`, maybe with a path. */
  readonly server: string;
  readonly tls: TlsContents;
  /** Null: none, or the program's. */
  readonly pair: CertificatePair | null;
  readonly authorization: Authorization;
}

/** One port of the leader's Endpoints. */
export interface SubsetPort {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: string;
}

/** The objects of one scope, and the names of their labels. */
export interface KubernetesLayout {
  readonly namespace: string;
  /** The scope, with Citus' group behind it. */
  readonly base: string;
  /** Endpoints in place of ConfigMaps. */
  readonly hasEndpoints: boolean;
  /** They select the scope's objects and pods, and are set on what is made. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Which labels a member's pod gets. */
export interface PodLabelNames {
  readonly role: string;
  readonly leaderValue: string;
  readonly followerValue: string;
  readonly standbyLeaderValue: string;
  /** A second one, with the default values; null: none. */
  readonly temporaryRole: string | null;
  /** While a member makes its data directory. */
  readonly bootstrap: Readonly<Record<string, string>>;
}

/** An agent's own member. */
export interface KubernetesMember {
  /** Also the name of its pod. */
  readonly name: string;
  readonly labels: PodLabelNames;
  /** For the leader's Endpoints; null: as Kubernetes knows the pod. */
  readonly podIp: string | null;
  readonly ports: readonly SubsetPort[];
  readonly warn: (text: string) => void;
}

/** What may change while the client is open; asked at every call. */
export interface KubernetesTunables {
  /** Answers with these codes are tried again, besides 429, 500, 503 and 504. */
  readonly retriableCodes: readonly number[];
}

/** What the adapter needs. */
export interface KubernetesOptions {
  readonly credentials: KubernetesCredentials;
  /**
   * Those that the files have now, for when the known ones are refused; throws
   * if there are none.
   */
  readonly reread: () => KubernetesCredentials;
  readonly layout: KubernetesLayout;
  /** Ask the API servers themselves, not their Service. */
  readonly isServiceBypassed: boolean;
  readonly tunables: () => KubernetesTunables;
  readonly clock: Clock;
  /** Null: a tool or a proxy. */
  readonly member: KubernetesMember | null;
}
