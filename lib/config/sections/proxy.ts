/**
 * Section `proxy`, ours: the ports that clients use on every member.
 * All of its defaults stand here.
 */
import { isIP } from "node:net";
import type * as z from "zod";
import { parseBool } from "../../core/base/scalars.ts";
import {
  bool,
  durationMs,
  integer,
  mapped,
  oneOf,
  optional,
  optionalText,
  port,
  type Read,
  section,
  text,
  textListOrCommas,
  unless,
  Wanted,
} from "../fields.ts";
import type { ProxyConfig } from "../local_config.ts";

/** What a missing key of `proxy` means. */
export const PROXY_DEFAULTS: ProxyConfig = {
  listen: ["*"],
  primaryPort: 5000,
  replicaPort: 6000,
  statsPort: 7000,
  holdTimeoutMs: 10_000,
  replicaLagMaxBytes: 1_048_576,
  replicaLagMaxMs: 30_000,
  connectionsMax: 1000,
  primaryConnectionsMax: null,
  replicaConnectionsMax: null,
  connectTimeoutMs: 2_000,
  startupTimeoutMs: 10_000,
  silentPerAddressMax: 100,
  drainTimeoutMs: 5_000,
  upgradeTimeoutMs: 86_400_000,
  allow: [],
  dataPlane: "auto",
  workers: null,
  isRingWanted: true,
  isReplicaFallback: false,
  agentGraceMs: 5_000,
  isSealed: false,
  zone: null,
};

const readHosts: Read<readonly string[]> = mapped(text, (value) => {
  const hosts = value.split(",").map((item) =>
    item.trim().replace(/^\[(.*)\]$/, "$1")
  );
  const isEach = hosts.every((host) =>
    /^(?:[^\s/@[\]:]+|[0-9a-f:.]+)$/i.test(host)
  );
  return isEach
    ? hosts
    : new Wanted("addresses without port, such as * or 10.0.0.1,127.0.0.1");
});

const readNetworks: Read<readonly string[]> = mapped(
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

/** Nobody may believe in a seal that a misspelt value left open. */
function readSwitch(value: unknown): boolean | Wanted {
  return parseBool(value) ?? new Wanted("true or false");
}

const clients = integer({ min: 1, max: 1_000_000 });

const proxyMap: z.ZodType<ProxyConfig> = section({
  listen: optional(readHosts, PROXY_DEFAULTS.listen),
  primary_port: optional(port, PROXY_DEFAULTS.primaryPort),
  replica_port: optional(port, PROXY_DEFAULTS.replicaPort),
  stats_port: optional(port, PROXY_DEFAULTS.statsPort),
  hold_timeout: optional(durationMs, PROXY_DEFAULTS.holdTimeoutMs),
  replica_max_lag: optional(
    integer({ min: 0, unit: "B" }),
    PROXY_DEFAULTS.replicaLagMaxBytes,
  ),
  replica_max_lag_time: optional(durationMs, PROXY_DEFAULTS.replicaLagMaxMs),
  max_connections: optional(clients, PROXY_DEFAULTS.connectionsMax),
  primary_max_connections: optional(clients, null),
  replica_max_connections: optional(clients, null),
  connect_timeout: optional(durationMs, PROXY_DEFAULTS.connectTimeoutMs),
  startup_timeout: optional(durationMs, PROXY_DEFAULTS.startupTimeoutMs),
  max_silent_per_address: optional(
    clients,
    PROXY_DEFAULTS.silentPerAddressMax,
  ),
  drain_timeout: optional(durationMs, PROXY_DEFAULTS.drainTimeoutMs),
  upgrade_timeout: optional(durationMs, PROXY_DEFAULTS.upgradeTimeoutMs),
  allow: optional(readNetworks, PROXY_DEFAULTS.allow),
  data_plane: optional(
    oneOf(["auto", "workers", "portable"]),
    PROXY_DEFAULTS.dataPlane,
  ),
  workers: optional(integer({ min: 1, max: 64 }), null),
  io_uring: optional(readSwitch, PROXY_DEFAULTS.isRingWanted),
  replica_fallback: bool(),
  agent_grace: optional(durationMs, PROXY_DEFAULTS.agentGraceMs),
  sealed: optional(readSwitch, PROXY_DEFAULTS.isSealed),
  zone: optionalText(),
}).transform((raw): ProxyConfig => ({
  listen: raw.listen,
  primaryPort: raw.primary_port,
  replicaPort: raw.replica_port,
  statsPort: raw.stats_port,
  holdTimeoutMs: raw.hold_timeout,
  replicaLagMaxBytes: raw.replica_max_lag,
  replicaLagMaxMs: raw.replica_max_lag_time,
  connectionsMax: raw.max_connections,
  primaryConnectionsMax: raw.primary_max_connections,
  replicaConnectionsMax: raw.replica_max_connections,
  connectTimeoutMs: raw.connect_timeout,
  startupTimeoutMs: raw.startup_timeout,
  silentPerAddressMax: raw.max_silent_per_address,
  drainTimeoutMs: raw.drain_timeout,
  upgradeTimeoutMs: raw.upgrade_timeout,
  allow: raw.allow,
  dataPlane: raw.data_plane,
  workers: raw.workers,
  isRingWanted: raw.io_uring,
  isReplicaFallback: raw.replica_fallback,
  agentGraceMs: raw.agent_grace,
  isSealed: raw.sealed,
  zone: raw.zone,
}));

/** Schema of the section `proxy`; `false` turns it off. */
export const proxySection: z.ZodType<ProxyConfig | null> = unless(
  (value) => value === false,
  proxyMap,
);
