/** What of the local configuration the agent itself needs. */
import type { AgentConfig } from "../agent/agent.ts";
import type { LocalConfig } from "../config/local_config.ts";
import type { MemberIdentity } from "../core/calc/documents/publication.ts";
import { connUrl } from "../core/codec/conn_url.ts";
import type { FencingOrders } from "../core/model/fencing.ts";
import type { TimingFloors } from "../core/codec/timing_codec.ts";
import { apiUrl } from "./rest.ts";
import { COMPATIBLE_VERSION } from "./versions.ts";

/** @param timingFloors Lower ones are for tests. */
export function agentConfig(
  config: LocalConfig,
  timingFloors: TimingFloors,
): AgentConfig {
  const { postgresql, bootstrap, document } = config;
  const section = document["postgresql"];
  const identity: MemberIdentity = {
    connUrl: connUrl(postgresql.connectAddress),
    apiUrl: apiUrl(config.restapi),
    version: COMPATIBLE_VERSION,
    proxyUrl: postgresql.proxyAddress === null
      ? null
      : connUrl(postgresql.proxyAddress),
    doors: config.proxy?.isSealed
      ? {
        primary: config.proxy.primaryPort,
        replica: config.proxy.replicaPort,
      }
      : null,
  };
  return {
    scope: config.scope,
    self: config.name,
    tags: config.tags,
    canBootstrap: bootstrap !== null && bootstrap.dcs !== null,
    bootstrapDocument: bootstrap?.dcs ?? null,
    localPostgresql: isRecord(section) ? section : {},
    timingFloors,
    vips: config.vip,
    watchdog: config.watchdog,
    identity,
    fencing: fencingOrders(config),
  };
}

function fencingOrders({ fencing }: LocalConfig): FencingOrders | null {
  const { command, timeoutMs, retries, hourlyLimit } = fencing;
  return command === null
    ? null
    : { timeoutMs, attemptsMax: retries + 1, hourlyMax: hourlyLimit };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
