/**
 * `matriarch run CONFIG`: constructs the agent of one member, connects its parts,
 * and takes it through start, loop and orderly end. No decisions.
 */
import type { LocalConfig } from "../config/local_config.ts";
import { connUrl } from "../core/codec/conn_url.ts";
import type { MemberIdentity } from "../core/calc/publication.ts";
import { CallbackRunner } from "../adapters/callbacks/callback_runner.ts";
import { listenToSignals } from "../adapters/os/signals.ts";
import { SystemClock } from "../adapters/os/clock.ts";
import { PeersHttp } from "../adapters/peers/peers_http.ts";
import { PostgresLocal } from "../adapters/postgres/postgres_local.ts";
import type { LogStream } from "../adapters/log/log_stream.ts";
import { explain } from "../core/explain.ts";
import {
  type AgentConfig,
  type AgentContext,
  createContext,
} from "../agent/context.ts";
import { AgentLoop, type LoopEnd } from "../agent/loop.ts";
import { AgentService } from "../agent/service.ts";
import { shutDown } from "../agent/shutdown.ts";
import { startUp } from "../agent/startup.ts";
import { runWakers } from "../agent/wakers.ts";
import { createApp } from "../http/app.ts";
import type { RestSettings } from "../http/rest_settings.ts";
import { serveRest } from "../http/server.ts";
import type { Dcs } from "../ports/dcs.ts";
import { openDcs } from "./dcs.ts";
import { type Configuration, loadConfiguration } from "./load.ts";
import { createLog, logOptions } from "./log.ts";
import { callbackCommands, peerOptions, postgresOptions } from "./postgres.ts";
import { proxyChild } from "./proxy_child.ts";
import { apiUrl, restSettings, serveOptions } from "./rest.ts";
import { COMPATIBLE_VERSION } from "./versions.ts";

/**
 * Runs the agent until a signal or a decision ends it.
 *
 * @param path Configuration file or directory; null: environment only.
 * @returns The exit code.
 * @throws {ConfigError} Before anything was touched.
 */
export async function runAgent(path: string | null): Promise<number> {
  const configuration = await loadConfiguration(path);
  const { config, warnings } = configuration.first;
  const log = createLog(config);
  for (const { path, text } of warnings) log.warning(`${path}: ${text}`);
  const parts = await createParts(config, log);
  const rest = { settings: await restSettings(config, log) };
  const reload = () => reloadAll(configuration, parts, rest);
  try {
    return await serve(parts, rest, reload);
  } finally {
    await parts.postgres.close();
    await parts.dcs.close();
    await parts.context.ports.callbacks.close();
  }
}

/** Everything that lives as long as the agent. */
interface Parts {
  readonly config: LocalConfig;
  readonly log: LogStream;
  readonly dcs: Dcs;
  readonly postgres: PostgresLocal;
  readonly peers: PeersHttp;
  readonly callbacks: CallbackRunner;
  readonly proxy: ReturnType<typeof proxyChild>;
  readonly context: AgentContext;
}

async function createParts(
  config: LocalConfig,
  log: LogStream,
): Promise<Parts> {
  const clock = new SystemClock();
  const dcs = await openDcs(config, { clock, log });
  const postgres = new PostgresLocal(postgresOptions(config, log), {
    clock,
    log,
  });
  const peers = new PeersHttp(await peerOptions(config), { clock, log });
  const callbacks = new CallbackRunner(callbackCommands(config), {
    clock,
    log,
  });
  const proxy = proxyChild(config, { clock, log });
  const ports = { clock, dcs, postgres, peers, log, callbacks, proxy };
  const context = createContext(ports, agentConfig(config));
  return { config, log, dcs, postgres, peers, callbacks, proxy, context };
}

async function serve(
  parts: Parts,
  rest: { settings: RestSettings },
  reload: () => Promise<void>,
): Promise<number> {
  const { context, log, proxy } = parts;
  const ending = new AbortController();
  const stopListening = listenToSignals(["SIGTERM", "SIGINT", "SIGHUP"], {
    onSignal: (signal) => {
      if (signal === "SIGHUP") context.inbox.askReload();
      else ending.abort();
      return Promise.resolve();
    },
    onError: (error) => log.error(`Signal handler failed: ${String(error)}`),
  });
  const app = createApp(new AgentService(context), {
    settings: () => rest.settings,
    metrics: { samples: () => [] },
    log,
  });
  const server = await serveRest(app, await serveOptions(parts.config, log));
  const supervision = proxy?.run(ending.signal);
  const background = runWakers(context, ending.signal);
  try {
    await startUp(context, ending.signal);
    const end = await new AgentLoop(context, reload).run(ending.signal);
    ending.abort();
    await server.close();
    return await finish(parts, end);
  } finally {
    ending.abort();
    await Promise.all([server.close(), background, supervision]);
    await proxy?.bye();
    stopListening();
  }
}

async function finish(parts: Parts, end: LoopEnd): Promise<number> {
  const { context, log } = parts;
  if (end.kind === "stopped") {
    await shutDown(context, false);
    return 0;
  }
  log.critical(explain(end.decision, context.config.self));
  await shutDown(context, end.decision.isPostgresLeft);
  return 1;
}

async function reloadAll(
  configuration: Configuration,
  parts: Parts,
  rest: { settings: RestSettings },
): Promise<void> {
  const { log, context, postgres, peers, callbacks } = parts;
  try {
    const { config } = await configuration.again();
    log.reconfigure(logOptions(config));
    context.config = agentConfig(config);
    rest.settings = await restSettings(config, log);
    postgres.updateOptions(postgresOptions(config, log));
    peers.updateOptions(await peerOptions(config));
    callbacks.updateCommands(callbackCommands(config));
    await postgres.reload();
    callbacks.fire("on_reload", context.state.memory.role);
  } catch (error) {
    log.error(`Exception when reloading local configuration: ${String(error)}`);
  }
}

function agentConfig(config: LocalConfig): AgentConfig {
  const { postgresql, bootstrap, document } = config;
  const section = document["postgresql"];
  const identity: MemberIdentity = {
    connUrl: connUrl(postgresql.connectAddress),
    apiUrl: apiUrl(config.restapi),
    version: COMPATIBLE_VERSION,
    proxyUrl: postgresql.proxyAddress === null
      ? null
      : connUrl(postgresql.proxyAddress),
  };
  return {
    scope: config.scope,
    self: config.name,
    tags: config.tags,
    canBootstrap: bootstrap !== null,
    bootstrapDocument: bootstrap?.dcs ?? null,
    localPostgresql: isRecord(section) ? section : {},
    identity,
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
