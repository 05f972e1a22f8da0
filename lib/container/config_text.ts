/**
 * The configuration of a container: made anew at each start, of its variables and
 * secrets. It listens at all addresses of the container, and is told to others by
 * its name, because addresses of containers change.
 */
import type { ContainerSecrets } from "../ports/container.ts";
import { toYaml } from "../patroni/yaml_text.ts";
import { SETUP_PORTS, STORE_PORTS } from "../setup/layout.ts";
import { pathsInVolume } from "./paths.ts";
import type { ContainerIdentity } from "./variables.ts";

const SUPERUSER = "postgres";
const REPLICATION = "replicator";
const REST_USER = "matriarch";
const ANYWHERE = "0.0.0.0";
/** Containers of a lab share a machine, whose load must not cost etcd its leader. */
const ELECTION_MS = 1_000;

const HEAD = `# Made anew at each start of the container, of its variables.
# What the whole cluster has in common: matriarch edit-config.
`;

/** The file's text. */
export function containerConfig(
  identity: ContainerIdentity,
  secrets: ContainerSecrets,
): string {
  const { cluster, name, volume } = identity;
  const { cert, trust } = pathsInVolume(volume);
  return HEAD + toYaml({
    scope: cluster,
    name,
    restapi: {
      ...both(name, SETUP_PORTS.rest),
      authentication: { username: REST_USER, password: secrets.restPassword },
      ...{ certfile: cert, cafile: trust, verify_client: "optional" },
    },
    ctl: { cacert: trust, certfile: cert },
    etcd3: storeSection(identity),
    bootstrap: BOOTSTRAP,
    postgresql: postgresSection(identity, secrets),
    proxy: {
      primary_port: SETUP_PORTS.primary,
      replica_port: SETUP_PORTS.replica,
      stats_port: SETUP_PORTS.stats,
    },
  });
}

/** The same as `init` writes. */
const BOOTSTRAP = {
  dcs: {
    ...{ ttl: 30, loop_wait: 10, retry_timeout: 10 },
    maximum_lag_on_failover: 1_048_576,
    ...{ synchronous_mode: "quorum", takeover: true },
    postgresql: { use_pg_rewind: true, parameters: { max_connections: 200 } },
  },
  initdb: [{ encoding: "UTF8" }, "data-checksums", {
    "auth-host": "scram-sha-256",
  }],
};

function storeSection({ name, founders, volume }: ContainerIdentity): unknown {
  const { cert, trust, store } = pathsInVolume(volume);
  const others = founders.filter((each) => each !== name);
  const hosts = others.map((each) => `${each}:${STORE_PORTS.clients}`);
  return {
    ...{ managed: true, data_dir: store },
    connect_address: `${name}:${STORE_PORTS.clients}`,
    listen: `${ANYWHERE}:${STORE_PORTS.clients}`,
    peer_connect_address: `${name}:${STORE_PORTS.members}`,
    peer_listen: `${ANYWHERE}:${STORE_PORTS.members}`,
    ...(hosts.length === 0 ? {} : { hosts }),
    election_timeout: ELECTION_MS,
    ...{ cacert: trust, cert, key: cert },
    ...{ server_cert: cert, server_key: cert },
    ...{ peer_cert: cert, peer_key: cert },
  };
}

function postgresSection(
  { name, volume }: ContainerIdentity,
  secrets: ContainerSecrets,
): unknown {
  const { cert, trust, data, pgpass } = pathsInVolume(volume);
  const tls = { sslmode: "verify-ca", sslrootcert: trust };
  return {
    ...both(name, SETUP_PORTS.postgres),
    ...{ data_dir: data, pgpass },
    authentication: {
      superuser: {
        ...{ username: SUPERUSER, password: secrets.superuserPassword },
        ...tls,
      },
      replication: {
        ...{ username: REPLICATION, password: secrets.replicationPassword },
        ...tls,
      },
    },
    parameters: {
      password_encryption: "scram-sha-256",
      ...{ ssl: "on", ssl_cert_file: cert, ssl_key_file: cert },
      ssl_ca_file: trust,
    },
    pg_hba: [
      `local all ${SUPERUSER} peer`,
      "local all all scram-sha-256",
      `hostssl replication ${REPLICATION} all scram-sha-256`,
      "hostssl all all all scram-sha-256",
    ],
  };
}

function both(name: string, port: number): Readonly<Record<string, string>> {
  return {
    listen: `${ANYWHERE}:${port}`,
    connect_address: `${name}:${port}`,
  };
}
