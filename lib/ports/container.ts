/** Other containers of the cluster, and what this one shares with them. */
import type { ContainerGreeting } from "../core/model/container.ts";

/** Asks other containers what their volumes hold. */
export interface ContainerNeighbours {
  /** Null: it does not answer, or with no certificate of this cluster's. Never throws. */
  ask(name: string): Promise<ContainerGreeting | null>;
}

/** What all containers of a cluster know and nobody else. */
export interface ContainerSecrets {
  readonly superuserPassword: string;
  readonly replicationPassword: string;
  readonly restPassword: string;
  /** The authority's certificate, PEM. */
  readonly caCert: string;
  /** Its key, PEM: each container makes its own certificate by it. */
  readonly caKey: string;
}
