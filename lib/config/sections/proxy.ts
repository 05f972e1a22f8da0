/**
 * Section `proxy`, ours: the ports that clients use on every member.
 */
import { isIP } from "node:net";
import { Wanted } from "../fields.ts";
import {
  type KeyMap,
  section,
  type SectionOf,
  type ValueType,
} from "../keys/key.ts";
import {
  changed,
  durationMs,
  integer,
  oneOf,
  orNone,
  port,
  strictTruth,
  text,
  textListOrCommas,
  textOrNone,
  truth,
} from "../keys/types.ts";

const hosts: ValueType<readonly string[]> = changed(text, (value) => {
  const parts = value.split(",").map((item) =>
    item.trim().replace(/^\[(.*)\]$/, "$1")
  );
  const isEach = parts.every((host) =>
    /^(?:[^\s/@[\]:]+|[0-9a-f:.]+)$/i.test(host)
  );
  return isEach
    ? parts
    : new Wanted("addresses without port, such as * or 10.0.0.1,127.0.0.1");
});

const networks: ValueType<readonly string[]> = changed(
  textListOrCommas,
  (list) =>
    list.every(isNetwork)
      ? list
      : new Wanted("networks, such as 10.0.0.0/8 or 2001:db8::/32"),
);

/** As the proxy's networks.ts reads it. */
function isNetwork(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/");
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  const max = version === 4 ? 32 : 128;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= max);
}

/** A port; `false`, or what YAML 1.1 takes for it, is none. */
const portOrOff: ValueType<number | null> = {
  ...port,
  read: (value) => value === false ? null : port.read(value),
};

/** Less would leave no time between two renewals: the kernel counts in seconds. */
const VIP_TTL_MS_MIN = 4_000;

const vipTtl: ValueType<number> = changed(
  durationMs,
  (ms) => ms >= VIP_TTL_MS_MIN ? ms : new Wanted("a time of at least 4 s"),
);

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
