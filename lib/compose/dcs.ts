/** Constructs the DCS that a configuration names, on one scope's keys. */
import type { DcsEtcdOptions } from "../adapters/etcd/dcs_etcd.ts";
import type { EtcdLogin, EtcdTls } from "../adapters/etcd/options.ts";
import { CallClock, SystemClock } from "../adapters/os/clock.ts";
import { DcsSqlite } from "../adapters/sqlite/dcs_sqlite.ts";
import type { DcsTarget } from "../cli/context.ts";
import type { LocalConfig } from "../config/local_config.ts";
import { ConfigError } from "../config/problems.ts";
import type { StoreConfig } from "../config/stores/all.ts";
import type { Etcd3Config } from "../config/stores/etcd3.ts";
import type { SqliteConfig } from "../config/stores/sqlite.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dcs } from "../ports/dcs.ts";

/** What a DCS runs on. */
export interface DcsDeps {
  readonly clock: Clock;
  /** Whether a missing SQLite file is made; a mere reader must not. */
  readonly isMaker?: boolean;
  /** The store's section as the last reload left it; absent: never reloaded. */
  readonly current?: () => StoreConfig;
}

/**
 * The DCS of a target; connects with the first call.
 *
 * @throws {ConfigError} If the target cannot be used on this host.
 */
export async function openDcs(
  target: DcsTarget,
  { clock, isMaker = true, current }: DcsDeps,
): Promise<Dcs> {
  const { config } = target;
  const scopePath = scopePathOf(target);
  const login = () => loginOf(current?.() ?? config);
  const place = { scopePath, clock, login, isMaker };
  return await openStore(config, place);
}

/** What every store is opened with. */
interface StorePlace extends Pick<DcsEtcdOptions, "scopePath" | "clock"> {
  readonly login: () => EtcdLogin | null;
  readonly isMaker: boolean;
}

/** A new store is one more line here. */
async function openStore(
  config: StoreConfig,
  place: StorePlace,
): Promise<Dcs> {
  switch (config.kind) {
    case "etcd3":
      return await openEtcd(config, place);
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
  config: Etcd3Config,
  { scopePath, clock, login }: StorePlace,
): Promise<Dcs> {
  const { endpoints, srv, srvSuffix, isProxied } = config;
  const { DcsEtcd } = await import("../adapters/etcd/dcs_etcd.ts");
  try {
    return new DcsEtcd({
      ...{ endpoints, isProxied },
      ...(srv === null ? {} : { srv }),
      ...(srvSuffix === null ? {} : { srvSuffix }),
      tls: tlsOf(config),
      ...{ scopePath, clock, login },
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`The section etcd3 cannot be used: ${why}`);
  }
}

/** Of all that the section says, a reload only takes over who logs in. */
function loginOf(config: StoreConfig): EtcdLogin | null {
  if (config.kind !== "etcd3" || config.username === null) return null;
  return { username: config.username, password: config.password ?? "" };
}

function tlsOf({ cacert, cert, key }: Etcd3Config): EtcdTls {
  return {
    ...(cacert === null ? {} : { cacert }),
    ...(cert === null ? {} : { cert }),
    ...(key === null ? {} : { key }),
  };
}
