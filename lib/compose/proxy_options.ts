/** What a configuration means for the proxy's own parts. */
import { OnlookerHttp } from "../adapters/peers/onlooker_http.ts";
import type { ProxyHostConfig } from "../config/proxy_host.ts";
import type { ProxyConfig } from "../config/sections/proxy.ts";
import { PROXY_TIMES, type ProxyOptions } from "../../proxy/options.ts";
import type { Proxy } from "../../proxy/proxy.ts";
import { sessionLine, type SessionRecord } from "../../proxy/session_record.ts";
import type { Onlooker } from "../ports/onlooker.ts";
import { lineSink } from "./log.ts";
import { peersTls } from "./peers.ts";
import { portOptions } from "./port_options.ts";
import { workersOf } from "./proxy_front.ts";
import { statsOptions } from "./stats_options.ts";

/** Told by whoever starts the proxy, not by its configuration. */
type Given = Pick<ProxyOptions, "version" | "edition" | "controlPath">;

/**
 * The options of a proxy.
 *
 * @throws {ConfigError} If a file that they name cannot be read.
 */
export function optionsOf(
  config: ProxyHostConfig,
  given: Given,
): ProxyOptions {
  const { scope, name, dataDir, proxy } = config;
  return {
    ...PROXY_TIMES,
    ...given,
    scope,
    memberName: dataDir === null ? null : name,
    sealed: config.sealedAddress === null
      ? null
      : { name, ...config.sealedAddress },
    listen: proxy.listen,
    sockets: proxy.socketDirectory === null
      ? null
      : { folder: proxy.socketDirectory, mode: proxy.socketMode },
    primaryPort: proxy.primaryPort,
    replicaPort: proxy.replicaPort,
    ...portOptions(proxy),
    stats: statsOptions(proxy),
    holdTimeoutMs: proxy.holdTimeoutMs,
    replicaLagBytesMax: proxy.replicaLagMaxBytes,
    replicaLagMsMax: proxy.replicaLagMaxMs,
    connectionsMax: proxy.connectionsMax,
    zone: proxy.zone,
    isReplicaFallback: proxy.isReplicaFallback,
    isPoolerWanted: proxy.routeTo === "proxy_url",
    routeConnectionsMax: {
      primary: proxy.primaryConnectionsMax ?? proxy.connectionsMax,
      replica: proxy.replicaConnectionsMax ?? proxy.connectionsMax,
    },
    serverConnectionsMax: proxy.serverConnectionsMax,
    queueMax: proxy.queueMax,
    queueTimeoutMs: proxy.queueTimeoutMs ?? proxy.holdTimeoutMs,
    connectTimeoutMs: proxy.connectTimeoutMs,
    startupTimeoutMs: proxy.startupTimeoutMs,
    silentPerSourceMax: proxy.silentPerAddressMax,
    upgradeMs: proxy.upgradeTimeoutMs,
    allow: proxy.allow,
    workers: workersOf(proxy),
    newPerSourceMax: proxy.newSessionsPerAddress,
    acceptProxyFrom: proxy.acceptProxyFrom,
    sendProxy: proxy.sendProxy === "off" ? null : proxy.sendProxy,
    clientTimeoutMs: proxy.clientTimeoutMs,
    serverTimeoutMs: proxy.serverTimeoutMs,
    tcp: {
      keepaliveIdleS: proxy.tcpKeepaliveIdle,
      keepaliveIntervalS: proxy.tcpKeepaliveInterval,
      keepaliveCount: proxy.tcpKeepaliveCount,
      userTimeoutMs: proxy.tcpUserTimeoutMs,
    },
  };
}

/**
 * Null: sessions are not logged.
 *
 * @param scope Said in each line where a proxy has several clusters; null: it has one.
 */
export function sessionLog(
  { sessionLog: target }: ProxyConfig,
  scope: string | null = null,
): ((record: SessionRecord) => void) | null {
  if (target === null) return null;
  const sink = lineSink(target, "matriarch-proxy");
  // A file has no daemon that would say when.
  const stamp = target.kind === "file"
    ? () => `${new Date().toISOString()} `
    : () => "";
  return (record) => sink.writeLine(stamp() + sessionLine(record, scope));
}

/** Where it listens, for people. */
export function portsText(
  { proxy: { socketDirectory }, scope }: Pick<
    ProxyHostConfig,
    "proxy" | "scope"
  >,
  { ports: { primary, replica, stats } }: Pick<Proxy, "ports">,
): string {
  const statistics = stats === null ? "no statistics" : `${stats} (statistics)`;
  const sockets = socketDirectory === null
    ? ""
    : `, and on unix sockets in ${socketDirectory}`;
  return `The proxy of scope "${scope}" listens on ports ${primary} ` +
    `(read-write), ${replica} (read-only) and ${statistics}${sockets}`;
}

/** What looks at members; its certificates are read for each look: they are replaced while it runs. */
export function onlookerOf({ ctl, isUiOn }: ProxyHostConfig): Onlooker | null {
  return isUiOn
    ? new OnlookerHttp(async () => ({ tls: await peersTls(ctl) }))
    : null;
}
