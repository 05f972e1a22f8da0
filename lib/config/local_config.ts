/**
 * The local configuration as the rest of the program sees it: typed, complete,
 * with defaults filled in. Units stand in the names; null means "not set".
 *
 * Keys that may also come from the dynamic document are checked here at start,
 * but used through `effective.ts`.
 */
import type { ConfigMap } from "../core/calc/documents/config_merge.ts";
import type { Tags } from "../core/model/member.ts";
import type { Vip } from "../core/model/vip.ts";
import type { HostPort, ListenAddress } from "./addresses.ts";

/** The whole local configuration of one member. */
export interface LocalConfig {
  readonly scope: string;
  /** Without slashes at its ends; keys stand below `/<namespace>/<scope>/`. */
  readonly namespace: string;
  readonly name: string;
  readonly log: LogConfig;
  readonly restapi: RestApiConfig;
  readonly ctl: CtlConfig;
  readonly dcs: DcsConfig;
  /** Null: this member never initializes a cluster. */
  readonly bootstrap: BootstrapConfig | null;
  readonly postgresql: PostgresqlConfig;
  readonly watchdog: WatchdogConfig;
  /** Virtual addresses that move with the roles; empty: none. */
  readonly vip: readonly Vip[];
  readonly tags: Tags;
  /** Null: no proxy runs beside this member. */
  readonly proxy: ProxyConfig | null;
  /** The merged document as read, with secrets: `redact()` it before showing. */
  readonly document: ConfigMap;
}

/** Levels of Python's logging, as files name them. */
export type LogLevel =
  | "DEBUG"
  | "INFO"
  | "WARN"
  | "WARNING"
  | "ERROR"
  | "FATAL"
  | "CRITICAL";

/** Section `log`. */
export interface LogConfig {
  readonly type: "plain" | "json";
  readonly level: LogLevel;
  readonly isTracebackAtDebug: boolean;
  /** printf-style template, or the items of the JSON format. */
  readonly format: string | readonly unknown[];
  readonly dateformat: string | null;
  readonly staticFields: ConfigMap;
  readonly queueSizeMax: number;
  /** Null: standard error. */
  readonly dir: string | null;
  /** Permission bits; null: 0666 less the umask. */
  readonly mode: number | null;
  readonly rotatedFilesMax: number;
  /** 0: no rotation. */
  readonly rotationSizeBytes: number;
  readonly loggers: Readonly<Record<string, string>>;
  readonly hasHeartbeatsDeduplicated: boolean;
}

/** User name and password of HTTP basic authentication. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** Section `restapi`. */
export interface RestApiConfig {
  readonly listen: ListenAddress;
  readonly connectAddress: HostPort;
  readonly authentication: Credentials | null;
  /** Null: no TLS. */
  readonly certfile: string | null;
  readonly keyfile: string | null;
  readonly keyfilePassword: string | null;
  readonly cafile: string | null;
  readonly ciphers: string | null;
  readonly verifyClient: "none" | "optional" | "required";
  /** Null: no restriction. */
  readonly allowlist: readonly string[] | null;
  readonly isMembersAllowed: boolean;
  readonly httpExtraHeaders: Readonly<Record<string, string>>;
  readonly httpsExtraHeaders: Readonly<Record<string, string>>;
  readonly requestQueueSize: number;
  readonly serverTokens: "original" | "minimal" | "productonly";
}

/** Section `ctl`, with what it takes over from `restapi`. */
export interface CtlConfig {
  readonly authentication: Credentials | null;
  readonly isInsecure: boolean;
  readonly cacert: string | null;
  readonly certfile: string | null;
  readonly keyfile: string | null;
  readonly keyfilePassword: string | null;
  /** How long a member may take to answer a question in a race. */
  readonly peerTimeoutMs: number;
}

/** The one DCS in use. */
export type DcsConfig = Etcd3Config | SqliteConfig;

/** Section `etcd3`. */
export interface Etcd3Config {
  readonly kind: "etcd3";
  /** `http[s]://host:port`, by priority proxy, url, hosts, host. */
  readonly endpoints: readonly string[];
  /** Endpoints are proxies: no discovery of the topology. */
  readonly isProxied: boolean;
  /** Domain of SRV discovery; `endpoints` is empty then. */
  readonly srv: string | null;
  readonly srvSuffix: string | null;
  readonly username: string | null;
  readonly password: string | null;
  readonly cacert: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

/** Section `sqlite`: the embedded DCS of one-host labs. */
export interface SqliteConfig {
  readonly kind: "sqlite";
  readonly path: string;
}

/** A role of `bootstrap.users`. */
export interface BootstrapUser {
  readonly name: string;
  readonly password: string | null;
  /** Upper case, as CREATE ROLE takes them. */
  readonly options: readonly string[];
}

/** Section `bootstrap`. */
export interface BootstrapConfig {
  /** The first dynamic document, as written; null: this member creates no cluster. */
  readonly dcs: ConfigMap | null;
  readonly method: BootstrapMethod;
  /** Lines for pg_hba.conf after bootstrap. */
  readonly pgHba: readonly string[];
  /** Words of the command; one connection string is appended. */
  readonly postBootstrap: readonly string[] | null;
  readonly users: readonly BootstrapUser[];
}

/** How the first data directory is made. */
export type BootstrapMethod =
  /** `options` are ready arguments such as `--encoding=UTF8`. */
  | { readonly kind: "initdb"; readonly options: readonly string[] }
  | {
    readonly kind: "custom";
    readonly name: string;
    readonly command: readonly string[];
    readonly hasNoParams: boolean;
    readonly isRecoveryConfKept: boolean;
    readonly recoveryConf: Readonly<Record<string, string>> | null;
    /** `--key=value` of the other keys, in file order. */
    readonly options: readonly string[];
  };

/** One role of `postgresql.authentication`: libpq parameters by their names. */
export interface AuthenticationRole {
  readonly username: string | null;
  readonly password: string | null;
  /** The ten TLS and GSS keys that are set, such as `sslmode`. */
  readonly options: Readonly<Record<string, string>>;
}

/** `postgresql.authentication`. */
export interface AuthenticationConfig {
  readonly superuser: AuthenticationRole;
  readonly replication: AuthenticationRole;
  /** Null: the superuser rewinds. */
  readonly rewind: AuthenticationRole | null;
}

/** The keys of `postgresql` that only exist locally. */
export interface PostgresqlConfig {
  readonly listen: ListenAddress;
  /** What other members and clients use. */
  readonly connectAddress: HostPort;
  readonly proxyAddress: HostPort | null;
  readonly dataDir: string;
  readonly configDir: string;
  /** Null: `pgpass` in the home directory. */
  readonly pgpass: string | null;
  /** Of our own connections: until they stand, and until the login is done. */
  readonly connectTimeoutMs: number;
  readonly authentication: AuthenticationConfig;
}

/** Section `watchdog`. */
export interface WatchdogConfig {
  readonly mode: "off" | "automatic" | "required";
  readonly device: string;
  /** -1: half of the TTL. */
  readonly safetyMarginS: number;
  /** `testing`: the device is a pipe that a test reads. */
  readonly driver: "default" | "testing";
}

/** Section `proxy`, ours. */
export interface ProxyConfig {
  /** Addresses, `*` for all. */
  readonly listen: readonly string[];
  readonly primaryPort: number;
  readonly replicaPort: number;
  readonly statsPort: number;
  /** How long a new connection waits for a leader. */
  readonly holdTimeoutMs: number;
  /** Replicas further behind get no new connections. */
  readonly replicaLagMaxBytes: number;
  /** The same in time; at least two cycles count. */
  readonly replicaLagMaxMs: number;
  /** Clients of both ports together. */
  readonly connectionsMax: number;
  /** Clients of one port; null: only the limit of both together. */
  readonly primaryConnectionsMax: number | null;
  readonly replicaConnectionsMax: number | null;
  /** How long one attempt to reach a backend may take. */
  readonly connectTimeoutMs: number;
  /** How long a client's first packet may take. */
  readonly startupTimeoutMs: number;
  /** Clients of one address whose first packet is not there yet. */
  readonly silentPerAddressMax: number;
  /** Before a planned stop of the primary: how long running transactions may take. */
  readonly drainTimeoutMs: number;
  /** How long the sessions of a replaced proxy may go on. */
  readonly upgradeTimeoutMs: number;
  /** Networks that clients may come from, `address/bits`; empty: all. */
  readonly allow: readonly string[];
  /** How the bytes are moved; auto: worker threads over libc where possible. */
  readonly dataPlane: "auto" | "workers" | "portable";
  /** Worker threads; null: by the number of processors. */
  readonly workers: number | null;
  /** Workers use io_uring where the kernel lets them. */
  readonly isRingWanted: boolean;
  /** What the read-only port does when no replica may serve reads. */
  readonly isReplicaFallback: boolean;
  /** How long a dead agent has to come back before its primary is fenced. */
  readonly agentGraceMs: number;
  /** The instance takes clients only from the proxy beside it. */
  readonly isSealed: boolean;
  /** Members with this `zone` tag are preferred for reads; null: the own member's tag. */
  readonly zone: string | null;
}
