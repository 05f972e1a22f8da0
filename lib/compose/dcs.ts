/** Constructs the DCS that a configuration names, on one scope's keys. */
import type { DcsEtcdOptions } from "../adapters/etcd/dcs_etcd.ts";
import type { EtcdLogin, EtcdTls } from "../adapters/etcd/options.ts";
import { knownEndpoints } from "../adapters/etcd_member/folder.ts";
import { CallClock, SystemClock } from "../adapters/os/clock.ts";
import { DcsSqlite } from "../adapters/sqlite/dcs_sqlite.ts";
import type { DcsTarget } from "../cli/context.ts";
import type { LocalConfig } from "../config/local_config.ts";
import { ConfigError } from "../config/problems.ts";
import type { StoreConfig } from "../config/stores/all.ts";
import type { ConsulConfig } from "../config/stores/consul.ts";
import type { EtcdConfig } from "../config/stores/etcd.ts";
import type { Etcd3Config } from "../config/stores/etcd3.ts";
import type { KubernetesConfig } from "../config/stores/kubernetes.ts";
import type { SqliteConfig } from "../config/stores/sqlite.ts";
import type {
  ExhibitorConfig,
  ZookeeperConfig,
} from "../config/stores/zookeeper.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dcs } from "../ports/dcs.ts";
import { openDocuments } from "./document_stores.ts";

/** What a DCS runs on. */
export interface DcsDeps {
  readonly clock: Clock;
  /** Whether a missing SQLite file is made; a mere reader must not. */
  readonly isMaker?: boolean;
  /** The store's section as the last reload left it; absent: never reloaded. */
  readonly current?: () => StoreConfig;
  /** The member that asks; absent: a tool or a proxy. */
  readonly member?: AskingMember;
}

/** An agent's member. */
export interface AskingMember {
  readonly name: string;
  /** Where the store's own warnings go. */
  readonly warn: (text: string) => void;
}

/**
 * The DCS of a target; connects with the first call.
 *
 * @throws {ConfigError} If the target cannot be used on this host.
 */
export async function openDcs(
  target: DcsTarget,
  { clock, isMaker = true, current, member }: DcsDeps,
): Promise<Dcs> {
  const { config } = target;
  const scopePath = scopePathOf(target);
  const { scope, group } = target;
  const latest = () => current?.() ?? config;
  const asking = member === undefined ? null : { scope, ...member };
  const place = { scopePath, clock, latest, isMaker, scope, group, asking };
  return await openStore(config, place);
}

/** What every store is opened with. */
interface StorePlace extends Pick<DcsEtcdOptions, "scopePath" | "clock"> {
  /** The section as it stands now. */
  readonly latest: () => StoreConfig;
  readonly isMaker: boolean;
  readonly scope: string;
  readonly group: number | null;
  readonly asking: (AskingMember & { readonly scope: string }) | null;
}

/** A new store is one more line here. */
async function openStore(
  config: StoreConfig,
  place: StorePlace,
): Promise<Dcs> {
  switch (config.kind) {
    case "consul":
      return await openConsul(config, place);
    case "etcd":
    case "etcd3":
      return await openEtcd(config, place);
    case "exhibitor":
    case "zookeeper":
      return await openZookeeper(config, place);
    case "dynamodb":
    case "pgstore":
    case "redis":
      return await openDocuments(config, place);
    case "kubernetes":
      return await openCluster(config, place);
    case "sqlite":
      return openSqlite(config, place);
  }
}

function openSqlite(
  { path }: SqliteConfig,
  { scopePath, clock, isMaker }: StorePlace,
): Dcs {
  return new DcsSqlite({ path, scopePath, clock, mustExist: !isMaker });
}

/** {@link openDcs} on this host's clock, for programs that are no agent. */
export function openDcsTarget(target: DcsTarget): Promise<Dcs> {
  return openDcs(target, { clock: new SystemClock(), isMaker: false });
}

/** The same for one call of the command line. */
export function openDcsOfCall(target: DcsTarget): Promise<Dcs> {
  return openDcs(target, { clock: new CallClock(), isMaker: false });
}

/** The keys of a member's own scope. */
export function dcsTarget(config: LocalConfig): DcsTarget {
  const { dcs, namespace, scope } = config;
  return { config: dcs, namespace, scope, group: null };
}

/**
 * Path of a scope's keys: `/namespace/scope[/group]`, runs of slashes made one.
 *
 * Source: docs/contract/dcs.md 1.
 */
export function scopePathOf(target: Omit<DcsTarget, "config">): string {
  const { namespace, scope, group } = target;
  const path = `/${namespace}/${scope}/${group ?? ""}`;
  return path.replace(/\/+/g, "/").replace(/\/$/, "");
}

/** gRPC is half of all code that there is: only who uses etcd loads it. */
async function openEtcd(
  config: EtcdConfig | Etcd3Config,
  { scopePath, clock, latest }: StorePlace,
): Promise<Dcs> {
  const { srv, srvSuffix, isProxied, managed } = config;
  // Of a managed store the other members are known, also while the own one is away.
  const known = managed === null ? [] : await knownEndpoints(managed.dataDir);
  const endpoints = [...new Set([...config.endpoints, ...known])];
  const { DcsEtcd } = await import("../adapters/etcd/dcs_etcd.ts");
  try {
    return new DcsEtcd({
      ...{ endpoints, isProxied },
      ...(srv === null ? {} : { srv }),
      ...(srvSuffix === null ? {} : { srvSuffix }),
      tls: tlsOf(config),
      ...{ scopePath, clock, login: () => loginOf(latest()) },
      looksForV2: config.kind === "etcd",
    });
  } catch (error) {
    throw unusable(config.kind, error);
  }
}

async function openConsul(
  config: ConsulConfig,
  { scopePath, clock, latest, scope, asking }: StorePlace,
): Promise<Dcs> {
  const { endpoint, checks, cacert, cert, key, isVerified } = config;
  const { DcsConsul } = await import("../adapters/consul/dcs_consul.ts");
  const access = () => {
    const now = latest();
    return now.kind === "consul" ? now : config;
  };
  const tls = { cacert, cert, key, isVerified };
  try {
    return new DcsConsul({
      ...{ endpoint, tls, checks, access },
      ...{ scopePath, clock },
      holder: `${scope}-${asking?.name ?? "matriarch"}`,
      member: asking,
    });
  } catch (error) {
    throw unusable("consul", error);
  }
}

async function openZookeeper(
  config: ExhibitorConfig | ZookeeperConfig,
  { scopePath, clock, latest }: StorePlace,
): Promise<Dcs> {
  const { cacert, cert, key, keyPassword, isVerified, isTls } = config;
  const { DcsZookeeper } = await import(
    "../adapters/zookeeper/dcs_zookeeper.ts"
  );
  const root = config.kind === "zookeeper" ? config.root : "";
  try {
    return new DcsZookeeper({
      ensemble: config.kind === "exhibitor"
        ? config
        : { kind: "listed", hosts: config.hosts },
      tls: isTls ? { cacert, cert, key, keyPassword, isVerified } : null,
      credentials: () => {
        const now = latest();
        return now.kind === config.kind ? now.credentials : config.credentials;
      },
      acl: config.acl.map(({ principal, permissions }) => ({
        ...{ scheme: "x509", id: principal, permissions },
      })),
      // Runs of slashes are no path of ZooKeeper's.
      scopePath: `${root}${scopePath}`.replace(/\/+/g, "/"),
      clock,
    });
  } catch (error) {
    throw unusable(config.kind, error);
  }
}

async function openCluster(
  config: KubernetesConfig,
  place: StorePlace,
): Promise<Dcs> {
  const { openKubernetes } = await import("./kubernetes.ts");
  try {
    return openKubernetes(config, place);
  } catch (error) {
    throw unusable("kubernetes", error);
  }
}

function unusable(section: string, error: unknown): ConfigError {
  const why = error instanceof Error ? error.message : String(error);
  return new ConfigError(`The section ${section} cannot be used: ${why}`);
}

/** Of all that the section says, a reload only takes over who logs in. */
function loginOf(config: StoreConfig): EtcdLogin | null {
  const isEtcd = config.kind === "etcd" || config.kind === "etcd3";
  if (!isEtcd || config.username === null) return null;
  return { username: config.username, password: config.password ?? "" };
}

function tlsOf(
  { cacert, cert, key }: Pick<Etcd3Config, "cacert" | "cert" | "key">,
): EtcdTls {
  return {
    ...(cacert === null ? {} : { cacert }),
    ...(cert === null ? {} : { cert }),
    ...(key === null ? {} : { key }),
  };
}
