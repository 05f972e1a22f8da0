/**
 * `matriarch proxy`: makes a proxy process out of a configuration. Beside a
 * member it is started by the agent with the member's own file; on an
 * application host by whoever runs it (`proxy_alone.ts`).
 */
import { SystemClock } from "../adapters/os/clock.ts";
import { keepMemorySmall, OwnMemory } from "../adapters/os/memory.ts";
import { listenToSignals } from "../adapters/os/signals.ts";
import type { ProxyHostConfig } from "../config/proxy_host.ts";
import { invariant } from "../core/base/invariant.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dcs } from "../ports/dcs.ts";
import type { Log } from "../ports/log.ts";
import { Proxy } from "../../proxy/proxy.ts";
import { takeHanded } from "./handed_config.ts";
import { createLog } from "./log.ts";
import { fenceTools } from "./fence.ts";
import { EDITION_VARIABLE } from "./proxy_edition.ts";
import { openFront } from "./proxy_front.ts";
import {
  onlookerOf,
  optionsOf,
  portsText,
  sessionLog,
} from "./proxy_options.ts";
import { makeControlFolder } from "./proxy_paths.ts";
import type { ProxyProgram } from "./proxy_program.ts";
import { refuse } from "./refusal_log.ts";

/**
 * Runs a proxy until SIGTERM, SIGINT or its agent ends it.
 *
 * @returns The exit code: 0, or 1 with one clear text on stderr.
 */
export async function runProxy(program: ProxyProgram): Promise<number> {
  const config = await takeHanded() ?? await ownConfig(program.configPath);
  const log = createLog(config);
  const { dataDir } = config;
  try {
    if (dataDir === null) {
      const { serveAlone } = await import("./proxy_alone.ts");
      return await serveAlone({ program, config, log });
    }
    await serveMember(program, { config, dataDir, log });
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
  readonly dataDir: string;
  readonly log: Log;
}

/** The proxy beside an agent. */
async function serveMember(
  program: ProxyProgram,
  serving: Serving,
): Promise<void> {
  const { dcs: store, namespace, scope } = serving.config;
  invariant(store !== null, "a member's proxy has its store", { scope });
  const target = { config: store, namespace, scope, group: null };
  const dcs = await program.openDcs(target);
  try {
    await serveClients(program, { ...serving, dcs });
  } finally {
    await dcs.close();
  }
}

async function serveClients(
  { version }: ProxyProgram,
  { config, dataDir, dcs, log }: Serving & { readonly dcs: Dcs },
): Promise<void> {
  const clock: Clock = new SystemClock();
  const { name, scope } = config;
  const controlPath = await makeControlFolder({ scope, name, dataDir });
  const edition = Deno.env.get(EDITION_VARIABLE) ?? null;
  const proxy = await Proxy.open({
    options: optionsOf(config, { version, edition, controlPath }),
    dcs,
    clock,
    log,
    fence: fenceTools(config, { clock, log }),
    onlooker: onlookerOf(config),
    onSession: sessionLog(config.proxy),
    openFront: (parts) => openFront(parts, config.proxy),
  });
  log.info(portsText(config, proxy));
  const unlisten = listenToSignals(["SIGTERM", "SIGINT", "SIGHUP"], {
    onSignal: async (signal) => {
      if (signal !== "SIGHUP") return await proxy.stop();
      log.info(
        "The agent starts a new proxy when the configuration has changed",
      );
    },
    onError: (error) => log.error(`A signal failed: ${error}`, { error }),
  });
  const ending = new AbortController();
  const memory = keepMemorySmall(new OwnMemory(), clock, ending.signal);
  await proxy.ended;
  ending.abort();
  await memory;
  unlisten();
  log.info("The proxy has ended");
}
