/**
 * Section `proxy`, ours: the ports that clients use on every member.
 */
import { Wanted } from "../fields.ts";
import {
  type KeyMap,
  section,
  type SectionOf,
  type ValueType,
} from "../keys/key.ts";
import {
  durationMs,
  integer,
  oneOf,
  orNone,
  port,
  strictTruth,
  textOrNone,
  truth,
} from "../keys/types.ts";
import {
  agentUrls,
  hosts,
  networks,
  portOrOff,
  sendProxy,
  socketDirectory,
  vipTtl,
} from "./proxy_types.ts";
import { lineTarget } from "./log_target.ts";
import { PROXY_PORT_KEYS, proxyPorts } from "./proxy_ports.ts";

const clients = integer({ min: 1, max: 1_000_000 });

/** The keys of the section, with their defaults. */
export const PROXY_KEYS = {
  listen: {
    type: hosts,
    fallback: "*",
    variable: true,
    meaning:
      "Ours: addresses of the proxy, with commas; proxy: false turns it off",
  },
  unix_socket_directory: {
    type: orNone(socketDirectory),
    field: "socketDirectory",
    otherwise: "none",
    variable: true,
    meaning:
      "Ours: a directory in which the proxy listens on a unix socket for each of its ports, for psql -h DIRECTORY -p 5000",
  },
  unix_socket_permissions: {
    type: integer({ min: 0, max: 0o777 }),
    field: "socketMode",
    fallback: 0o777,
    meaning: "Ours: permission bits of those sockets, such as 0770",
  },
  primary_port: {
    type: port,
    fallback: 5000,
    variable: true,
    meaning: "Ours: leads to the leader",
  },
  replica_port: {
    type: port,
    fallback: 6000,
    variable: true,
    meaning: "Ours: leads to replicas",
  },
  ports: {
    type: proxyPorts,
    fallback: [],
    keys: PROXY_PORT_KEYS,
  },
  stats_port: {
    type: portOrOff,
    fallback: 7000,
    variable: true,
    meaning: "Ours: the page with its numbers; false turns it off",
  },
  stats_listen: {
    type: orNone(hosts),
    otherwise: "proxy.listen",
    variable: true,
    meaning: "Ours: addresses of that page, with commas",
  },
  stats_allow: {
    type: orNone(networks),
    otherwise: "proxy.allow",
    meaning: "Ours: networks that may see it",
  },
  stats_username: {
    type: textOrNone,
    variable: true,
    meaning: "Ours: who may see it (Basic authentication)",
  },
  stats_password: {
    type: textOrNone,
    variable: true,
    meaning: "Ours: the password of that user",
  },
  stats_certfile: {
    type: textOrNone,
    variable: true,
    meaning: "Ours: certificate of that page; turns TLS on",
  },
  stats_keyfile: {
    type: textOrNone,
    variable: true,
    otherwise: "in that file",
    meaning: "Ours: its key",
  },
  hold_timeout: {
    type: durationMs,
    field: "holdTimeoutMs",
    fallback: 10,
    variable: true,
    meaning: "Ours: how long new connections wait for a leader",
  },
  replica_max_lag: {
    type: integer({ min: 0, unit: "B" }),
    field: "replicaLagMaxBytes",
    fallback: 1_048_576,
    variable: "text",
    meaning: "Ours: bytes; replicas further behind get no new connections",
  },
  replica_max_lag_time: {
    type: durationMs,
    field: "replicaLagMaxMs",
    fallback: 30,
    meaning: "Ours: the same in seconds; not less than two loop_wait",
  },
  max_connections: {
    type: clients,
    field: "connectionsMax",
    fallback: 1000,
    variable: "text",
    meaning: "Ours: clients at the same time",
  },
  primary_max_connections: {
    type: clients,
    field: "primaryConnectionsMax",
    meaning: "Ours: clients of the primary port",
  },
  replica_max_connections: {
    type: clients,
    field: "replicaConnectionsMax",
    meaning: "Ours: clients of the replica port",
  },
  server_max_connections: {
    type: integer({ min: 0, max: 1_000_000 }),
    field: "serverConnectionsMax",
    fallback: 0,
    otherwise: "no limit",
    meaning:
      "Ours: sessions of this proxy on one server, of all ports together; more clients wait in a queue",
  },
  max_queue: {
    type: integer({ min: 0, max: 1_000_000 }),
    field: "queueMax",
    fallback: 1000,
    meaning:
      "Ours: clients of one port that wait for a place on a server; more are refused",
  },
  queue_timeout: {
    type: orNone(durationMs),
    field: "queueTimeoutMs",
    otherwise: "proxy.hold_timeout",
    meaning: "Ours: how long a client waits for a place on a server",
  },
  drain_timeout: {
    type: durationMs,
    field: "drainTimeoutMs",
    fallback: 5,
    meaning:
      "Ours: seconds that running transactions have before a planned stop",
  },
  upgrade_timeout: {
    type: durationMs,
    field: "upgradeTimeoutMs",
    fallback: 86_400,
    meaning: "Ours: seconds that sessions of a replaced proxy may go on",
  },
  connect_timeout: {
    type: durationMs,
    field: "connectTimeoutMs",
    fallback: 2,
    meaning:
      "Ours: seconds for one attempt to reach a server; then the next one is tried",
  },
  startup_timeout: {
    type: durationMs,
    field: "startupTimeoutMs",
    fallback: 10,
    meaning: "Ours: seconds that a client has for its first packet",
  },
  max_silent_per_address: {
    type: clients,
    field: "silentPerAddressMax",
    fallback: 100,
    meaning:
      "Ours: clients of one address (IPv6: /64) that have not said yet what they want",
  },
  new_sessions_per_address: {
    type: integer({ min: 0, max: 1_000_000 }),
    fallback: 0,
    otherwise: "no limit",
    meaning:
      "Ours: new clients of one address (IPv6: /64) per second; more are refused",
  },
  client_timeout: {
    type: durationMs,
    field: "clientTimeoutMs",
    fallback: 0,
    otherwise: "off",
    meaning: "Ours: seconds that a client may be silent when it is its turn",
  },
  server_timeout: {
    type: durationMs,
    field: "serverTimeoutMs",
    fallback: 0,
    otherwise: "off",
    meaning: "Ours: the same for a server; longer than the longest statement",
  },
  tcp_keepalive_idle: {
    type: integer({ min: 1, max: 32_767, unit: "s" }),
    fallback: 60,
    meaning: "Ours: seconds of rest before the kernel asks the other side",
  },
  tcp_keepalive_interval: {
    type: integer({ min: 1, max: 32_767, unit: "s" }),
    fallback: 10,
    meaning: "Ours: seconds between two such questions",
  },
  tcp_keepalive_count: {
    type: integer({ min: 1, max: 127 }),
    fallback: 6,
    meaning: "Ours: questions without an answer that end a connection",
  },
  tcp_user_timeout: {
    type: durationMs,
    field: "tcpUserTimeoutMs",
    fallback: 0,
    otherwise: "the kernel's",
    meaning: "Ours: seconds that sent bytes may stay without an answer",
  },
  accept_proxy_from: {
    type: networks,
    fallback: [],
    otherwise: "none",
    meaning:
      "Ours: load balancers that say by the PROXY protocol who their clients are",
  },
  send_proxy: {
    type: sendProxy,
    fallback: "off",
    meaning:
      "Ours: v1 or v2 tells servers by the PROXY protocol who their clients are; PostgreSQL itself does not understand it",
  },
  session_log: {
    type: lineTarget,
    otherwise: "off",
    meaning:
      "Ours: a line per session: the path of a file, syslog, syslog:/path, syslog://host:514 (RFC 5424) or journald",
  },
  allow: {
    type: networks,
    fallback: [],
    otherwise: "everyone",
    meaning: "Ours: networks whose clients are served",
  },
  agent_grace: {
    type: durationMs,
    field: "agentGraceMs",
    fallback: 5,
    meaning:
      "Ours: seconds that a dead agent of a primary has to come back, then PostgreSQL is stopped",
  },
  sealed: {
    type: strictTruth,
    field: "isSealed",
    fallback: false,
    meaning: "Ours: PostgreSQL takes clients only from the proxy beside it",
  },
  data_plane: {
    type: oneOf(["auto", "workers", "portable"]),
    fallback: "auto",
    meaning: "Ours: auto, workers or portable",
  },
  workers: {
    type: integer({ min: 1, max: 64 }),
    meaning: "Ours: worker threads; by default as many as fit",
  },
  io_uring: {
    type: strictTruth,
    field: "isRingWanted",
    fallback: true,
    meaning:
      "Ours: worker threads pass several packets on at once where the kernel allows it",
  },
  route_to: {
    type: oneOf(["conn_url", "proxy_url"]),
    fallback: "conn_url",
    meaning:
      "Ours: proxy_url leads clients to the members' poolers (postgresql.proxy_address)",
  },
  replica_fallback: {
    type: truth,
    field: "isReplicaFallback",
    fallback: false,
    meaning:
      "Ours: the replica port leads to the leader if there is no replica, in a standby cluster too",
  },
  vip_ttl: {
    type: vipTtl,
    field: "vipTtlMs",
    fallback: 6,
    meaning:
      "Ours: seconds of the lease under which a stand-alone proxy carries a virtual address; not below what the store can",
  },
  agents: {
    type: agentUrls,
    fallback: [],
    otherwise: "the store",
    meaning:
      "Ours: a stand-alone proxy without access to the store asks the members' REST APIs; certificates are those of section ctl",
  },
  zone: {
    type: textOrNone,
    meaning: "Ours: replicas of the same zone are preferred",
  },
} as const satisfies KeyMap;

/** Section `proxy`. */
export type ProxyConfig = SectionOf<typeof PROXY_KEYS>;

const whole = section(PROXY_KEYS);

/** The section when it is empty or missing. */
export const PROXY_DEFAULTS: ProxyConfig = readDefaults();

/** The section; `false` turns the proxy off. */
export const proxy: ValueType<ProxyConfig | null> = {
  ...whole,
  read: (value) => value === false ? null : whole.read(value),
};

function readDefaults(): ProxyConfig {
  const config = whole.read({});
  if (config instanceof Wanted) throw new Error(config.text);
  return config;
}
