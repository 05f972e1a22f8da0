/**
 * `matriarch proxy`: makes a proxy process out of a configuration. Beside a
 * member it is started by the agent with the member's own file; on an
 * application host by whoever runs it.
 */
import { SystemClock } from "../adapters/os/clock.ts";
import { keepMemorySmall, OwnMemory } from "../adapters/os/memory.ts";
import { listenToSignals } from "../adapters/os/signals.ts";
import type { ProxyHostConfig } from "../config/proxy_host.ts";
import type { DcsTarget } from "../cli/context.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dcs } from "../ports/dcs.ts";
import type { Log } from "../ports/log.ts";
import { PROXY_TIMES, type ProxyOptions } from "../../proxy/options.ts";
import { Proxy } from "../../proxy/proxy.ts";
import { takeHanded } from "./handed_config.ts";
import { createLog } from "./log.ts";
import { openFront, workersOf } from "./proxy_front.ts";
import { fenceTools } from "./fence.ts";
import { statsOptions } from "./stats_options.ts";
import { EDITION_VARIABLE } from "./proxy_edition.ts";
import { makeControlFolder } from "./proxy_paths.ts";
import { refuse } from "./refusal_log.ts";
import { takePartInVips } from "./proxy_vips.ts";

/** What the main file knows. */
export interface ProxyProgram {
  /** File or directory; null: the environment is the configuration. */
  readonly configPath: string | null;
  readonly version: string;
  readonly openDcs: (target: DcsTarget) => Promise<Dcs>;
}

/**
 * Runs a proxy until SIGTERM, SIGINT or its agent ends it.
 *
 * @returns The exit code: 0, or 1 with one clear text on stderr.
 */
export async function runProxy(program: ProxyProgram): Promise<number> {
  const config = await takeHanded() ?? await ownConfig(program.configPath);
  const log = createLog(config);
  const { dcs: store, namespace, scope } = config;
  const target = { config: store, namespace, scope, group: null };
  try {
    const dcs = await program.openDcs(target);
    try {
      await serve({ config, dcs, log, version: program.version });
    } finally {
      await dcs.close();
    }
    return 0;
  } catch (error) {
    return refuse(error, { log, dir: config.log.dir });
  }
}

/** Who was handed nothing loads what reads configurations. */
async function ownConfig(path: string | null): Promise<ProxyHostConfig> {
  const { readProxyConfig } = await import("./proxy_config.ts");
  return await readProxyConfig(path);
}

interface Serving {
  readonly config: ProxyHostConfig;
  readonly dcs: Dcs;
  readonly log: Log;
  readonly version: string;
}

async function serve({ config, dcs, log, version }: Serving): Promise<void> {
  const clock: Clock = new SystemClock();
  const { dataDir, name, scope } = config;
  const controlPath = dataDir === null
    ? null
    : await makeControlFolder({ scope, name, dataDir });
  const proxy = await Proxy.open({
    options: { ...optionsOf(config, version), controlPath },
    dcs,
    clock,
    log,
    fence: fenceTools(config, { clock, log }),
    openFront: (parts) => openFront(parts, config.proxy),
  });
  const { primary, replica, stats } = proxy.ports;
  const statistics = stats === null ? "no statistics" : `${stats} (statistics)`;
  log.info(
    `The proxy of scope "${config.scope}" listens on ports ${primary} ` +
      `(read-write), ${replica} (read-only) and ${statistics}`,
  );
  const vips = await takePartInVips({ config, dcs, proxy, clock, log });
  const unlisten = listenToSignals(["SIGTERM", "SIGINT", "SIGHUP"], {
    onSignal: async (signal) => {
      if (signal !== "SIGHUP") {
        // New clients go to another proxy before this one turns them away.
        await vips?.end();
        return await proxy.stop();
      }
      log.info(
        config.dataDir === null
          ? "The proxy reads its configuration only when it starts"
          : "The agent starts a new proxy when the configuration has changed",
      );
    },
    onError: (error) => log.error(`A signal failed: ${error}`, { error }),
  });
  const ending = new AbortController();
  const memory = keepMemorySmall(new OwnMemory(), clock, ending.signal);
  await proxy.ended;
  await vips?.end();
  ending.abort();
  await memory;
  unlisten();
  log.info("The proxy has ended");
}

function optionsOf(
  config: ProxyHostConfig,
  version: string,
): Omit<ProxyOptions, "controlPath"> {
  const { scope, name, dataDir, proxy } = config;
  return {
    ...PROXY_TIMES,
    scope,
    version,
    edition: Deno.env.get(EDITION_VARIABLE) ?? null,
    memberName: dataDir === null ? null : name,
    sealed: config.sealedAddress === null
      ? null
      : { name, ...config.sealedAddress },
    listen: proxy.listen,
    primaryPort: proxy.primaryPort,
    replicaPort: proxy.replicaPort,
    stats: statsOptions(proxy),
    holdTimeoutMs: proxy.holdTimeoutMs,
    replicaLagBytesMax: proxy.replicaLagMaxBytes,
    replicaLagMsMax: proxy.replicaLagMaxMs,
    connectionsMax: proxy.connectionsMax,
    zone: proxy.zone,
    isReplicaFallback: proxy.isReplicaFallback,
    routeConnectionsMax: {
      primary: proxy.primaryConnectionsMax ?? proxy.connectionsMax,
      replica: proxy.replicaConnectionsMax ?? proxy.connectionsMax,
    },
    connectTimeoutMs: proxy.connectTimeoutMs,
    startupTimeoutMs: proxy.startupTimeoutMs,
    silentPerSourceMax: proxy.silentPerAddressMax,
    upgradeMs: proxy.upgradeTimeoutMs,
    allow: proxy.allow,
    workers: workersOf(proxy),
  };
}
