/** Constructs the DCS that a configuration names. */
import { DcsEtcd } from "../adapters/etcd/dcs_etcd.ts";
import type { EtcdTls } from "../adapters/etcd/options.ts";
import { DcsSqlite } from "../adapters/sqlite/dcs_sqlite.ts";
import type { DcsConfig, Etcd3Config } from "../config/local_config.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dcs } from "../ports/dcs.ts";

/** What a DCS is opened with. */
export interface DcsSurroundings {
  /** See {@link scopePathOf}. */
  readonly scopePath: string;
  readonly clock: Clock;
}

/**
 * The configured DCS; connects with the first call.
 *
 * @throws {Error} If the configuration names no usable endpoint, or a TLS file
 * can not be read.
 */
export function openDcs(config: DcsConfig, surroundings: DcsSurroundings): Dcs {
  switch (config.kind) {
    case "etcd3":
      return openEtcd(config, surroundings);
    case "sqlite":
      return new DcsSqlite({ path: config.path, ...surroundings });
  }
}

/**
 * Path of a scope's keys: `/namespace/scope`, runs of slashes made one.
 *
 * Source: spec/dcs.md 1.
 */
export function scopePathOf(namespace: string, scope: string): string {
  return `/${namespace}/${scope}`.replace(/\/+/g, "/").replace(/\/$/, "");
}

function openEtcd(config: Etcd3Config, surroundings: DcsSurroundings): Dcs {
  const { endpoints, srv, username, password } = config;
  if (srv !== null) {
    throw new Error("etcd3.srv is not supported yet: list the hosts instead");
  }
  return new DcsEtcd({
    endpoints,
    tls: tlsOf(config),
    ...(username === null ? {} : { username, password: password ?? "" }),
    ...surroundings,
  });
}

function tlsOf({ cacert, cert, key }: Etcd3Config): EtcdTls {
  return {
    ...(cacert === null ? {} : { cacert }),
    ...(cert === null ? {} : { cert }),
    ...(key === null ? {} : { key }),
  };
}
