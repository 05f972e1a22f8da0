/**
 * What both configuration generators start from: a whole configuration in which
 * only what nobody can know is left to fill in.
 *
 * Source: docs/contract/configuration.md 9.
 */
import {
  type ConfigMap,
  isConfigMap,
  mergePatch,
  ownValue,
} from "../../core/calc/documents/config_merge.ts";

/** Stands for a value that the operator must give. */
export const FIX_ME = "#FIXME";

/** What is known of this host. */
export interface HostFacts {
  readonly hostName: string;
  /** First address of the host's name; null: it has none. */
  readonly address: string | null;
}

/** Built-in defaults of the parameters that the whole cluster shares. */
const SHARED_PARAMETERS = {
  hot_standby: "on",
  max_connections: 100,
  max_locks_per_transaction: 64,
  max_prepared_transactions: 0,
  max_replication_slots: 10,
  max_wal_senders: 10,
  max_worker_processes: 8,
  track_commit_timestamp: "off",
  wal_level: "hot_standby",
  wal_log_hints: "on",
};

/** The template, with what the environment says over it. */
export function template(
  { hostName, address }: HostFacts,
  environment: ConfigMap,
): ConfigMap {
  const host = address ?? FIX_ME;
  const document = {
    scope: FIX_ME,
    name: hostName,
    log: {
      type: "plain",
      level: "INFO",
      traceback_level: "ERROR",
      format: "%(asctime)s %(levelname)s: %(message)s",
      max_queue_size: 1000,
    },
    restapi: { listen: `${host}:8008`, connect_address: `${host}:8008` },
    bootstrap: {
      dcs: {
        ttl: 30,
        loop_wait: 10,
        retry_timeout: 10,
        postgresql: { parameters: SHARED_PARAMETERS, use_slots: true },
      },
    },
    postgresql: {
      data_dir: FIX_ME,
      bin_dir: "",
      listen: `${host}:5432`,
      connect_address: `${host}:5432`,
      authentication: {
        superuser: { username: "postgres", password: FIX_ME },
        replication: { username: "replicator", password: FIX_ME },
      },
    },
    tags: {
      failover_priority: 1,
      sync_priority: 1,
      noloadbalance: false,
      clonefrom: true,
      nosync: false,
      nostream: false,
    },
  };
  return mergePatch(document, environment).value;
}

/** Version 15 of `postgres (PostgreSQL) 15.18`, 9.6 as 9.6; null: no version. */
export function majorVersion(versionText: string): number | null {
  const match = /(\d+(?:\.\d+)?)/.exec(versionText);
  if (match === null) return null;
  const version = Number(match[1]);
  return version >= 10 ? Math.floor(version) : version;
}

/** The sample configuration for a server of that major version. */
export function sampleConfiguration(
  base: ConfigMap,
  version: number,
): ConfigMap {
  const method = version >= 10 ? "scram-sha-256" : "md5";
  const user = replicationUser(base);
  const keep = version >= 13
    ? { wal_keep_size: "128MB" }
    : { wal_keep_segments: 8 };
  const rewind = version >= 11
    ? { rewind: { username: "rewind_user", password: FIX_ME } }
    : {};
  const sample = {
    bootstrap: {
      dcs: {
        postgresql: {
          use_pg_rewind: true,
          use_slots: true,
          parameters: {
            wal_level: version >= 9.6 ? "replica" : "hot_standby",
            ...keep,
          },
        },
      },
    },
    postgresql: {
      parameters: { password_encryption: method },
      pg_hba: [
        `host all all all ${method}`,
        `host replication ${user} all ${method}`,
      ],
      authentication: rewind,
    },
  };
  // What stands in the base may come from the environment: it wins.
  return mergePatch(mergePatch(base, sample).value, overriding(base)).value;
}

/** The environment's own parameters and rules survive the sample's. */
function overriding(base: ConfigMap): ConfigMap {
  const postgresql = sectionAt(base, "postgresql");
  const kept = ["pg_hba", "parameters"].flatMap((key) => {
    const value = ownValue(postgresql, key);
    return value === undefined ? [] : [[key, value]];
  });
  return kept.length === 0 ? {} : { postgresql: Object.fromEntries(kept) };
}

function replicationUser(base: ConfigMap): string {
  const authentication = sectionAt(
    sectionAt(base, "postgresql"),
    "authentication",
  );
  const name = ownValue(sectionAt(authentication, "replication"), "username");
  return typeof name === "string" ? name : FIX_ME;
}

/** The map under a key; empty if there is none. */
export function sectionAt(map: ConfigMap, key: string): ConfigMap {
  const value = ownValue(map, key);
  return isConfigMap(value) ? value : {};
}
