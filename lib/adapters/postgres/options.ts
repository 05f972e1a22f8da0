/**
 * What the PostgreSQL adapter must be told about its instance. Structural: the
 * configuration layer produces values of this shape and `lib/compose` connects
 * them; nothing here knows where a value was configured.
 */
import type { InstanceRole } from "../../core/model/member.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";

/** Programs of PostgreSQL that can have other names. */
export type ProgramName =
  | "initdb"
  | "pg_basebackup"
  | "pg_controldata"
  | "pg_rewind"
  | "pg_waldump"
  | "postgres";

/** A TCP address. */
export interface TcpAddress {
  readonly host: string;
  readonly port: number;
}

/** One role of `postgresql.authentication` (configuration.md 3.11.2). */
export interface Credentials {
  readonly username: string | null;
  readonly password: string | null;
  /** TLS and GSS keywords by their libpq names, such as `sslmode`. */
  readonly options: Readonly<Record<string, string>>;
}

/** Who connects. */
export type Account = "superuser" | "replication" | "rewind";

/** The three accounts; `rewind` null: the superuser does it. */
export interface Authentication {
  readonly superuser: Credentials;
  readonly replication: Credentials;
  readonly rewind: Credentials | null;
}

/** A configured program: split into words already, no shell. */
export interface CustomMethod {
  readonly name: string;
  readonly command: readonly string[];
  /** `--key=value` of the other keys of its section, in file order. */
  readonly options: readonly string[];
  /** Do not add the standard arguments. */
  readonly hasNoParams: boolean;
}

/** A way to copy a replica; `options` are ready arguments. */
export type CloneMethod =
  | { readonly kind: "basebackup"; readonly options: readonly string[] }
  | (CustomMethod & {
    readonly kind: "custom";
    /** May run without a source. */
    readonly hasNoLeader: boolean;
    readonly isDataKept: boolean;
  });

/** How the first data directory is made; `options` are ready arguments. */
export type BootstrapMethod =
  | { readonly kind: "initdb"; readonly options: readonly string[] }
  | (CustomMethod & {
    readonly kind: "custom";
    readonly isRecoveryConfKept: boolean;
    readonly recoveryConf: Readonly<Record<string, string>> | null;
  });

/** The `bootstrap` section, as far as the instance is concerned. */
export interface BootstrapOptions {
  readonly method: BootstrapMethod;
  readonly pgHba: readonly string[];
  /** Words of the command; null: none. */
  readonly postBootstrap: readonly string[] | null;
  /** Roles to make after it, with the options of CREATE ROLE. */
  readonly users?: readonly {
    readonly name: string;
    readonly password: string | null;
    readonly options: readonly string[];
  }[];
}

/** PostgreSQL's settings after all layers were merged and checked. */
export interface EffectivePostgresConfig {
  /** Controlled parameters, given on the command line too. */
  readonly commandLine: Readonly<Record<string, string>>;
  /** Everything for postgresql.conf. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Extra recovery settings of replicas. */
  readonly recoveryConf: Readonly<Record<string, string>>;
  /** Complete content; null: the file is not ours. */
  readonly pgHba: readonly string[] | null;
  readonly pgIdent: readonly string[] | null;
  readonly hasSlots: boolean;
  readonly isRewindAllowed: boolean;
  /** Ready arguments of pg_rewind, besides the agent's. */
  readonly rewindOptions: readonly string[];
  readonly cloneMethods: readonly CloneMethod[];
  /** Limit of a start that names none. */
  readonly pgCtlTimeoutS: number;
  readonly isUnixSocketUsed: boolean;
  readonly isUnixSocketUsedForReplication: boolean;
  readonly customConf: string | null;
  /** Words of the fencing command before a promotion; null: none. */
  readonly prePromote: readonly string[] | null;
  /** Words of the command before a stop; null: none. */
  readonly beforeStop: readonly string[] | null;
  readonly krbsrvname: string | null;
}

/** Everything about one instance that its life does not change. */
export interface PostgresOptions {
  readonly scope: string;
  readonly memberName: string;
  /** The member's own slot on its upstream. */
  readonly slotName: string;
  readonly dataDir: string;
  readonly configDir: string;
  /** Usually `postgresql`: base of `<name>.conf` and `<name>.base.conf`. */
  readonly configBaseName: string;
  /** Null: search PATH. */
  readonly binDir: string | null;
  /** File name by program, where it differs. */
  readonly binName: Readonly<Record<string, string>>;
  readonly database: string;
  /** As in listen_addresses, and the port of all of them. */
  readonly listen: {
    readonly hosts: readonly string[];
    readonly port: number;
  };
  readonly authentication: Authentication;
  /** Of our own connections: until they stand, and until the login is done; 2 s unless told. */
  readonly connectTimeoutMs?: number;
  /** Password file that the adapter writes, mode 0600. */
  readonly pgpass: string;
  /** Null: this member never initializes a scope. */
  readonly bootstrap: BootstrapOptions | null;
  /** Users who may come in beside the proxy; null: the instance is not sealed. */
  readonly sealedFor: readonly string[] | null;
  /**
   * Layers the dynamic document over the local settings. Pure; a document that
   * cannot be used is the caller's to report, who answers with the last good
   * settings.
   *
   * @param serverVersion As in server_version_num, e.g. 150000.
   * @param role Settings may depend on it.
   */
  readonly effective: (
    document: Readonly<Record<string, unknown>>,
    serverVersion: number,
    role: InstanceRole,
  ) => EffectivePostgresConfig;
}

/** What every part of the adapter works with. */
export interface PostgresContext {
  /** Replaced by a reload of the local configuration. */
  readonly options: PostgresOptions;
  /** The layered settings that were loaded last; null before the first time. */
  readonly config: EffectivePostgresConfig | null;
  /** Major version that the settings were layered for; missing like these. */
  readonly major?: number;
  readonly log: Log;
  readonly clock: Clock;
}

/** The context as its owners see it, who replace what changed. */
export interface MutableContext extends PostgresContext {
  options: PostgresOptions;
  config: EffectivePostgresConfig | null;
  major?: number;
}
