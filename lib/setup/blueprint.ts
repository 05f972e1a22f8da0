/**
 * What all members of a cluster have in common, and what is a host's own: of the
 * two a configuration file is made. A member hands the first to a host that
 * joins, which adds the second.
 */
import type { ConfigMap } from "../core/calc/documents/config_merge.ts";
import type { AdoptedPart } from "./adopt/adopted_part.ts";
import type { SetupPlaces } from "./layout.ts";
import type { Login } from "./login.ts";

/** What every host is told that joins. */
export interface CommonPart {
  readonly scope: string;
  /** Without slashes at its ends; null: the usual one. */
  readonly namespace: string | null;
  readonly store: StoreSection;
  /** For changes by REST. */
  readonly rest: Login;
}

/** The common part of those with PostgreSQL. */
export interface Blueprint extends CommonPart {
  readonly superuser: Login;
  readonly replication: Login;
  /** PostgreSQL's major version. */
  readonly postgresMajor: number;
  /** Address that the leader carries, with or without a prefix length; null: none. */
  readonly vip: string | null;
  /** Whether pg_hba stands in the dynamic configuration, and so in no host's file. */
  readonly isAccessShared: boolean;
}

/** A section of a store, as a file has it. */
export interface StoreSection {
  readonly name: string;
  readonly section: ConfigMap;
}

/** Own part of any host, also of a witness. */
export interface WitnessPlan {
  readonly name: string;
  readonly address: string;
  /** Whom everything here runs as. */
  readonly user: string;
  readonly places: SetupPlaces;
}

/** Own part of a host with PostgreSQL. */
export interface HostPlan extends WitnessPlan {
  /** Interface of that address, for the virtual one. */
  readonly interface: string;
  /** Folder of PostgreSQL's programs. */
  readonly pgBin: string;
  /** The first host may create the cluster; the others only join. */
  readonly mayBootstrap: boolean;
  /** A server that was there before; null: there was none. */
  readonly adopted: AdoptedPart | null;
}

/** Names of members and clusters: also those of certificates, files and hosts. */
const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

/** Whether a member or a cluster can be called that. */
export function isPlainName(name: string): boolean {
  return PLAIN_NAME.test(name);
}
