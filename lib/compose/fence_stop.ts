/**
 * `matriarch fence-stop CONFIG`: the last resort, for a service manager to run
 * after the agent ended. Stops the local PostgreSQL if it runs as primary and
 * neither an agent nor the fence in the proxy process looks after it.
 */
import { join } from "node:path";
import { SystemClock } from "../adapters/os/clock.ts";
import { PeersHttp } from "../adapters/peers/peers_http.ts";
import { ProxyLink } from "../adapters/proxy_process/link.ts";
import { loadDocument } from "../config/load.ts";
import { ConfigError } from "../config/problems.ts";
import { decodeProxyHost, type ProxyHostConfig } from "../config/proxy_host.ts";
import type { FenceStopMode } from "../core/model/fence.ts";
import type { Clock } from "../ports/clock.ts";
import type { FencedServer } from "../ports/fence.ts";
import { fencedServer } from "./fence.ts";
import { DISK_READER, loadConfiguration } from "./load.ts";
import { createLog } from "./log.ts";
import { peersOptions } from "./peers.ts";
import { controlPathOf } from "./proxy_paths.ts";
import { apiUrl } from "./rest.ts";

const EXIT_SAFE = 0;
const EXIT_WRITABLE = 1;
const EXIT_MISUSED = 2;

/** A process that answers later than that is as good as dead. */
const ANSWER_MS = 1_000;
const LOOK_MS = 50;

/** How long each kind of stop may take before the next. */
const STOPS: readonly (readonly [FenceStopMode, number])[] = [
  ["fast", 4_000],
  ["immediate", 2_000],
  ["kill", 2_000],
];

/**
 * Makes sure that no unguarded primary runs on this host.
 *
 * @returns The exit code: 0 none runs now, 1 it could not be stopped or the
 *   configuration cannot be read, 2 wrong usage.
 */
export async function fenceStop(argv: readonly string[]): Promise<number> {
  const [path, ...rest] = argv;
  if (path === undefined || path.startsWith("-") || rest.length > 0) {
    console.error("usage: matriarch fence-stop CONFIG");
    return EXIT_MISUSED;
  }
  const config = await readConfig(path);
  const server = config === null ? null : fencedServer(config);
  if (config === null || server === null) {
    console.error("fence-stop: there is no data directory in that file");
    return config === null ? EXIT_WRITABLE : EXIT_MISUSED;
  }
  const reason = await reasonToLeave(path, { config, server });
  if (reason !== null) {
    console.error(`fence-stop: nothing to do, ${reason}`);
    return EXIT_SAFE;
  }
  return await stop(server, new SystemClock());
}

/** A proxy that is turned off is no reason to leave a primary alone. */
async function readConfig(path: string): Promise<ProxyHostConfig | null> {
  try {
    const env = Deno.env.toObject();
    const reader = DISK_READER;
    const { document } = await loadDocument({ path, env, reader });
    const isOff = document["proxy"] === false;
    return decodeProxyHost(isOff ? { ...document, proxy: {} } : document);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(`fence-stop: ${error.message}`);
    return null;
  }
}

async function reasonToLeave(
  path: string,
  { config, server }: Host,
): Promise<string | null> {
  const instance = await server.look();
  if (instance === "down") return "PostgreSQL does not run";
  if (instance === "standby") return "PostgreSQL is read-only";
  if (await isPaused(config)) return "the cluster is in maintenance mode";
  if (await isAgentAlive(path)) return "the agent answers";
  return await isFenceOnGuard(config)
    ? "the fence in the proxy process is on guard"
    : null;
}

interface Host {
  readonly config: ProxyHostConfig;
  readonly server: FencedServer;
}

/** A configuration that an agent could not run with has no agent. */
async function isAgentAlive(path: string): Promise<boolean> {
  try {
    const { first: { config } } = await loadConfiguration(path);
    const options = await peersOptions(config, createLog(config));
    const peers = new PeersHttp(() => ({
      ...options,
      aliveTimeoutMs: ANSWER_MS,
    }));
    return await peers.isAlive(apiUrl(config.restapi));
  } catch {
    return false;
  }
}

/** As the agent last wrote it down: the store may be away, and time is short. */
async function isPaused({ dataDir }: ProxyHostConfig): Promise<boolean> {
  try {
    const path = join(dataDir ?? "", "patroni.dynamic.json");
    const document: unknown = JSON.parse(await Deno.readTextFile(path));
    return typeof document === "object" && document !== null &&
      "pause" in document && document.pause === true;
  } catch {
    return false;
  }
}

/** Whether the proxy beside this member answers, and watches this primary. */
async function isFenceOnGuard(config: ProxyHostConfig): Promise<boolean> {
  const { scope, name, dataDir } = config;
  if (dataDir === null) return false;
  const answered = Promise.withResolvers<boolean>();
  const path = await controlPathOf({ scope, name, dataDir });
  const link = await ProxyLink.open(
    path,
    ({ isFenceArmed }) => answered.resolve(isFenceArmed),
  );
  if (link === null) return false;
  const timer = setTimeout(() => answered.resolve(false), ANSWER_MS);
  link.send({ type: "look" });
  link.ended.then(() => answered.resolve(false));
  const isOnGuard = await answered.promise;
  clearTimeout(timer);
  link.close();
  return isOnGuard;
}

async function stop(server: FencedServer, clock: Clock): Promise<number> {
  for (const [mode, patienceMs] of STOPS) {
    console.error(`fence-stop: stopping an unguarded primary (${mode})`);
    await server.stop(mode);
    const end = clock.now() + patienceMs;
    while (clock.now() < end) {
      if (await server.look() === "down") return EXIT_SAFE;
      await clock.sleep(LOOK_MS);
    }
  }
  console.error("fence-stop: PostgreSQL cannot be stopped");
  return EXIT_WRITABLE;
}
