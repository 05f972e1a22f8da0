/**
 * Section `proxy`, ours: the ports that clients use on every member.
 * All of its defaults stand here.
 */
import type { z } from "zod";
import {
  durationMs,
  integer,
  mapped,
  optional,
  port,
  type Read,
  section,
  text,
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
  connectionsMax: 1000,
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
  max_connections: optional(
    integer({ min: 1, max: 1_000_000 }),
    PROXY_DEFAULTS.connectionsMax,
  ),
}).transform((raw): ProxyConfig => ({
  listen: raw.listen,
  primaryPort: raw.primary_port,
  replicaPort: raw.replica_port,
  statsPort: raw.stats_port,
  holdTimeoutMs: raw.hold_timeout,
  replicaLagMaxBytes: raw.replica_max_lag,
  connectionsMax: raw.max_connections,
}));

/** Schema of the section `proxy`; `false` turns it off. */
export const proxySection: z.ZodType<ProxyConfig | null> = unless(
  (value) => value === false,
  proxyMap,
);
