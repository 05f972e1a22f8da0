/**
 * The configuration file that `init` and `join` write: an ordinary one, with
 * comments, for whoever edits it later.
 */
import { formatHostPort } from "../config/addresses.ts";
import type { ConfigMap } from "../core/calc/documents/config_merge.ts";
import { toYaml } from "../patroni/yaml_text.ts";
import type { AdoptedPart } from "./adopt/adopted_part.ts";
import type {
  Blueprint,
  CommonPart,
  HostPlan,
  WitnessPlan,
} from "./blueprint.ts";
import type { Login } from "./login.ts";
import { folderOf, pathsIn, SETUP_PORTS } from "./layout.ts";
import { isOwnStore, storeOn } from "./own_store.ts";

/** The file's text. */
export function configText(blueprint: Blueprint, host: HostPlan): string {
  return [
    head(blueprint, host),
    restPart(blueprint, host),
    storePart(blueprint, host),
    ...(host.mayBootstrap ? [bootstrapPart(host.adopted)] : []),
    postgresPart(blueprint, host),
    proxyPart(),
    ...(blueprint.vip === null ? [] : [vipPart(blueprint.vip, host)]),
  ].join("\n");
}

/** What stands at the top of every host's file. */
export function head(
  { scope, namespace }: CommonPart,
  { name }: WitnessPlan,
): string {
  return `# Written by matriarch, once. Edit it as you like: nothing overwrites it.
# Settings of the whole cluster are in the store: matriarch edit-config.
# A change here takes effect with: systemctl reload matriarch

scope: ${scalar(scope)}
${namespace === null ? "" : `namespace: ${scalar(namespace)}\n`}name: ${
    scalar(name)
  }
`;
}

function restPart({ rest }: Blueprint, host: HostPlan): string {
  const where = at(host.address, SETUP_PORTS.rest);
  const paths = pathsIn(host.places.configDir);
  return `# The REST API, with TLS. A change needs a certificate of this cluster and
# the password.
restapi:
  listen: ${where}
  connect_address: ${where}
  authentication:
${login(rest, 4)}
  certfile: ${scalar(paths.cert)}
  cafile: ${scalar(paths.trust)}
  verify_client: optional

# How this host and its command line call the other members.
ctl:
  cacert: ${scalar(paths.trust)}
  certfile: ${scalar(paths.cert)}

${certificatesPart(host)}`;
}

/** Section `certificates`. */
export function certificatesPart({ places }: WitnessPlan): string {
  const { cert } = pathsIn(places.configDir);
  return `# The certificates in this folder are renewed before they expire.
certificates:
  dir: ${scalar(folderOf(cert))}
`;
}

/** The section of the store. */
export function storePart({ store }: CommonPart, host: WitnessPlan): string {
  const isOwn = isOwnStore(store);
  const { name, section } = isOwn ? storeOn(store, host) : store;
  const more = isOwn
    ? "This host runs a member of etcd, and\n" +
      "# looks after it: matriarch etcd status."
    : "";
  return `# Where the cluster keeps its keys.${more && ` ${more}`}
${toYaml({ [name]: section }).trimEnd()}
`;
}

function bootstrapPart(adopted: AdoptedPart | null): string {
  return `# Used once, when this host creates the cluster.
bootstrap:
  dcs:
    ttl: 30
    loop_wait: 10
    retry_timeout: 10
    maximum_lag_on_failover: 1048576
    # A commit waits for one replica, whichever is first: a failover loses none.
    synchronous_mode: quorum
    # A lost host is replaced in seconds, not when its ttl is over.
    takeover: on
    postgresql:
      use_pg_rewind: true
${adopted === null ? EMPTY_SERVER : sharedPart(adopted)}`;
}

const EMPTY_SERVER = `      parameters:
        max_connections: 200
  initdb:
    - encoding: UTF8
    - data-checksums
    - auth-host: scram-sha-256
`;

/** What the cluster takes from the server that was there. */
function sharedPart({ shared }: AdoptedPart): string {
  return indented(shared.postgresql, 6) + indented(shared.others, 4);
}

function indented(map: ConfigMap, indent: number): string {
  if (Object.keys(map).length === 0) return "";
  const pad = " ".repeat(indent);
  return toYaml(map).trimEnd().split("\n").map((line) => `${pad}${line}\n`)
    .join("");
}

function postgresPart(blueprint: Blueprint, host: HostPlan): string {
  const { places, adopted } = host;
  const where = at(host.address, adopted?.port ?? SETUP_PORTS.postgres);
  const paths = pathsIn(places.configDir);
  const role = (who: Login) =>
    `${login(who, 6)}
      sslmode: verify-ca
      sslrootcert: ${scalar(paths.trust)}`;
  return `postgresql:
  listen: ${adopted === null ? where : JSON.stringify(adopted.listen)}
  connect_address: ${where}
  data_dir: ${scalar(places.dataDir)}
${
    adopted === null || adopted.customConf === null
      ? ""
      : `  custom_conf: ${scalar(adopted.customConf)}\n`
  }  bin_dir: ${scalar(host.pgBin)}
  pgpass: ${scalar(`${folderOf(places.dataDir)}/pgpass`)}
  authentication:
    superuser:
${role(blueprint.superuser)}
    replication:
${role(blueprint.replication)}
  parameters:
    unix_socket_directories: ${scalar(adopted?.socketDirs ?? places.socketDir)}
${
    adopted === null
      ? "    password_encryption: scram-sha-256\n"
      : ""
  }    ssl: "on"
    ssl_cert_file: ${scalar(paths.cert)}
    ssl_key_file: ${scalar(paths.cert)}
    ssl_ca_file: ${scalar(paths.trust)}
${
    adopted === null && !blueprint.isAccessShared
      ? access(blueprint, host)
      : ""
  }`;
}

function access({ superuser, replication }: Blueprint, host: HostPlan): string {
  const local = host.user === superuser.username
    ? `\n    - local all ${scalar(host.user)} peer`
    : "";
  return `  # From other hosts only with TLS and a password. Replace "all" by the networks
  # of your clients.
  pg_hba:${local}
    - local all all scram-sha-256
    - hostssl replication ${scalar(replication.username)} all scram-sha-256
    - hostssl all all all scram-sha-256
`;
}

/** Section `proxy`. */
export function proxyPart(): string {
  return `# The ports of clients, on every host. "proxy: false" turns them off.
proxy:
  primary_port: ${SETUP_PORTS.primary}
  replica_port: ${SETUP_PORTS.replica}
  stats_port: ${SETUP_PORTS.stats}
`;
}

function vipPart(address: string, host: HostPlan): string {
  return `# The address that moves with the leader.
vip:
  - address: ${scalar(address)}
    interface: ${scalar(host.interface)}
`;
}

/** User and password, indented by so many spaces. */
export function login({ username, password }: Login, indent: number): string {
  const pad = " ".repeat(indent);
  return `${pad}username: ${scalar(username)}
${pad}password: ${JSON.stringify(password)}`;
}

function at(host: string, port: number): string {
  return JSON.stringify(formatHostPort({ host, port }));
}

/** Words that YAML 1.1 takes for something else than text. */
const RESERVED = /^(?:y|n|yes|no|on|off|true|false|null)$/i;
const PLAIN = /^[A-Za-z/][A-Za-z0-9_./-]*$/;

/** The text as YAML has it: bare where it can only be a text. */
export function scalar(text: string): string {
  return PLAIN.test(text) && !RESERVED.test(text) ? text : JSON.stringify(text);
}
