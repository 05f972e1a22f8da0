/**
 * `matriarch run CONFIG`: constructs the agent of one member, connects its parts,
 * and takes it through start, loop and orderly end. No decisions.
 */
import { SystemRandom } from "../adapters/os/random.ts";
import type { LocalConfig } from "../config/local_config.ts";
import {
  TIMING_FLOORS,
  type TimingFloors,
} from "../core/codec/timing_codec.ts";
import { CallbacksExec } from "../adapters/callbacks/callbacks_exec.ts";
import { type ServiceManager, serviceManager } from "../adapters/os/systemd.ts";
import { listenToSignals } from "../adapters/os/signals.ts";
import { ConsentFile } from "../adapters/os/consent_file.ts";
import { SystemClock } from "../adapters/os/clock.ts";
import type { Clock } from "../ports/clock.ts";
import { keepMemorySmall, OwnMemory } from "../adapters/os/memory.ts";
import type { PeersOptions } from "../adapters/peers/client_options.ts";
import { PulseHttp } from "../adapters/peers/pulse_listener.ts";
import { PulseLines } from "../http/pulse_lines.ts";
import { PeersHttp } from "../adapters/peers/peers_http.ts";
import { PostgresLocal } from "../adapters/postgres/postgres_local.ts";
import { checkPrograms } from "../adapters/postgres/process/programs.ts";
import type { LogStream } from "../adapters/log/log_stream.ts";
import { explain } from "../core/explain.ts";
import { type Agent, createAgent } from "../agent/agent.ts";
import { RouteFeed } from "../agent/route_feed.ts";
import { DcsMeter } from "../agent/dcs_meter.ts";
import type { LoopEnd } from "../agent/loop.ts";
import { createApp } from "../http/app.ts";
import type { RestSettings } from "../http/rest_settings.ts";
import { RestListener } from "../http/listener.ts";
import type { ProxyChild } from "../adapters/proxy_process/proxy_child.ts";
import { agentConfig } from "./agent_config.ts";
import { dcsTarget, openDcs } from "./dcs.ts";
import { certificateEnds, certificateKeeper, hostDesk } from "./desk.ts";
import { fencingProgram } from "./fencing.ts";
import { type Configuration, loadConfiguration } from "./load.ts";
import type { EtcdSupervisor } from "../managed_etcd/supervisor.ts";
import { etcdSupervisor } from "./managed_etcd.ts";
import { createLog, logFile, logOptions } from "./log.ts";
import { checkLogFile } from "./named_files.ts";
import { peersOptions } from "./peers.ts";
import { NotifierHttp } from "../adapters/notify/notifier_http.ts";
import { pgbouncers } from "./poolers.ts";
import { clusterPage } from "./cluster_page.ts";
import { callbackCommands, postgresOptions } from "./postgres.ts";
import { refuse } from "./refusal_log.ts";
import { proxyOrders, proxyProcess } from "./proxy_process.ts";
import { reloadListener, restSettings, serveOptions } from "./rest.ts";
import { logUnusable } from "./unusable_log.ts";
import type { TracerOtlp } from "../adapters/otlp/tracer_otlp.ts";
import { collectorOfTraces } from "./tracer.ts";
import { vipCarrier } from "./vip.ts";
import type { Watchdog } from "../ports/watchdog.ts";
import { watchdogDevice } from "./watchdog.ts";

/**
 * Runs the agent until a signal or a decision ends it.
 *
 * @param path Configuration file or directory; null: environment only.
 * @param timingFloors Lower ones are for tests, which cannot wait 20 s for each
 * lease that ends; nothing that a user can set leads here.
 * @returns The exit code; 1 also if the agent refuses to start, which the log tells.
 * @throws {ConfigError} Before anything was touched.
 */
export async function runAgent(
  path: string | null,
  timingFloors: TimingFloors = TIMING_FLOORS,
): Promise<number> {
  const systemd = serviceManager();
  const configuration = await loadConfiguration(path)
    .catch(async (error: unknown) => {
      await logUnusable(path, error);
      throw error;
    });
  const { config, warnings } = configuration.first;
  const log = createLog(config);
  for (const { text } of warnings) log.warning(text);
  try {
    return await runParts({ configuration, path, log, systemd, timingFloors });
  } catch (error) {
    return refuse(error, { log, dir: config.log.dir });
  }
}

async function runParts(inputs: StartInputs): Promise<number> {
  const { configuration, log, systemd } = inputs;
  await checkPrograms(postgresOptions(configuration.first.config, log));
  const parts = await createParts(inputs);
  const reload = () => reloadAll(configuration, parts);
  try {
    return await serve(parts, reload);
  } finally {
    systemd.close();
    await parts.postgres.close();
    await parts.dcs.close();
    await parts.callbacks.close();
    await parts.notifier.close();
    await parts.tracer?.close();
  }
}

/** What a reload replaces; read anew for each use. */
interface Reloadable {
  config: LocalConfig;
  logFile: string | null;
  dcs: LocalConfig["dcs"];
  rest: RestSettings;
  peers: PeersOptions;
  callbacks: ReturnType<typeof callbackCommands>;
  pooler: LocalConfig["pooler"];
  notify: LocalConfig["notify"];
  fencing: LocalConfig["fencing"];
}

async function reloadable(
  config: LocalConfig,
  log: LogStream,
): Promise<Reloadable> {
  return {
    config,
    logFile: logFile(config.log),
    dcs: config.dcs,
    rest: await restSettings(config, log),
    peers: await peersOptions(config, log),
    callbacks: callbackCommands(config),
    pooler: config.pooler,
    notify: config.notify,
    fencing: config.fencing,
  };
}

/** Everything that lives as long as the agent. */
interface Parts {
  readonly config: LocalConfig;
  readonly log: LogStream;
  readonly dcs: DcsMeter;
  readonly postgres: PostgresLocal;
  readonly callbacks: CallbacksExec;
  readonly notifier: NotifierHttp;
  /** Null: nobody collects traces. */
  readonly tracer: TracerOtlp | null;
  readonly proxy: ProxyChild | null;
  readonly watchdog: Watchdog | null;
  readonly vip: Awaited<ReturnType<typeof vipCarrier>>;
  readonly configPath: string | null;
  readonly listener: RestListener;
  readonly agent: Agent;
  readonly clock: Clock;
  readonly current: Reloadable;
  readonly systemd: ServiceManager;
  readonly timingFloors: TimingFloors;
  /** What voters hear of this agent while it leads. */
  readonly pulses: PulseLines;
  /** Null: this host runs no member of the store. */
  readonly etcd: EtcdSupervisor | null;
  readonly routes: RouteFeed;
}

/** What there is before anything else. */
interface StartInputs {
  readonly configuration: Configuration;
  /** As given; null: the environment is the configuration. */
  readonly path: string | null;
  readonly log: LogStream;
  readonly systemd: ServiceManager;
  readonly timingFloors: TimingFloors;
}

async function createParts(inputs: StartInputs): Promise<Parts> {
  const { configuration, path: configPath, log, systemd } = inputs;
  const { timingFloors } = inputs;
  const { env, first: { config } } = configuration;
  const clock = new SystemClock();
  const current = await reloadable(config, log);
  const dcs = new DcsMeter(
    await openDcs(dcsTarget(config), {
      ...{ clock, current: () => current.dcs },
      member: { name: config.name, warn: (text) => log.warning(text) },
    }),
    clock,
  );
  const postgres = new PostgresLocal(postgresOptions(config, log), {
    clock,
    log,
  });
  const peers = new PeersHttp(() => current.peers);
  const callbacks = new CallbacksExec({
    scope: config.scope,
    commands: () => current.callbacks(agent.inForce.document ?? {}),
    log,
  });
  const notifier = new NotifierHttp({
    ...{ clock, log, scope: config.scope, member: config.name },
    targets: () => current.notify,
  });
  const tracer = await collectorOfTraces(config, env, log);
  const proxy = await proxyProcess({
    ...{ config, configPath, env, clock, log },
    sessions: postgres.sessions,
  });
  const pulses = new PulseLines(clock);
  const hearing = new PulseHttp({
    clock,
    options: () => current.peers,
    walSign: () => postgres.pledge.walReceivedAt(),
  });
  const watchdog = watchdogDevice(config);
  const vip = await vipCarrier(config, { clock, log });
  const ports = {
    ...{ clock, dcs, postgres, peers, log, callbacks, proxy },
    ...{ watchdog, vip, serviceWatch: systemd, consents: consentFile(config) },
    pledge: postgres.pledge,
    pulse: { speaker: pulses, listener: hearing },
    fencing: fencingProgram(log, () => current.fencing),
    random: new SystemRandom(),
    ...{ notifier, tracer },
    poolers: pgbouncers(config, log, () => current.pooler),
  };
  const agent: Agent = createAgent(ports, agentConfig(config, timingFloors));
  const listener = new RestListener(log);
  return {
    ...{ config, log, dcs, postgres, callbacks, notifier, tracer, proxy },
    ...{ listener, agent, clock, current, configPath, systemd },
    ...{ timingFloors, pulses, watchdog, vip },
    etcd: etcdSupervisor(config.dcs, { clock, log }),
    routes: new RouteFeed({ clock, dcs, scope: config.scope }),
  };
}

function consentFile({ name, postgresql }: LocalConfig): ConsentFile {
  return new ConsentFile({ dataDir: postgresql.dataDir, member: name });
}

async function serve(
  parts: Parts,
  reload: () => Promise<void>,
): Promise<number> {
  const { agent, log, proxy, systemd, listener } = parts;
  const ending = new AbortController();
  const stopListening = listenToSignals(["SIGTERM", "SIGINT", "SIGHUP"], {
    onSignal: (signal) => {
      if (signal === "SIGHUP") agent.inbox.askReload();
      else endInOrder(parts, ending);
      return Promise.resolve();
    },
    onError: (error) => log.error(`Signal handler failed: ${String(error)}`),
  });
  const service = agent.service(() => {
    log.info("Ends as a REST request asked");
    endInOrder(parts, ending);
  });
  const peers = () => parts.current.peers;
  const ui = clusterPage(service, { ...parts, peers });
  const certified = {
    ...{ dcs: parts.dcs, clock: parts.clock, log },
    config: () => parts.current.config,
  };
  const desk = hostDesk(certified);
  const keeper = certificateKeeper({
    ...{ ...certified, desk, notifier: parts.notifier },
    onChange: () => agent.inbox.askReload(),
  });
  const ends = certificateEnds(certified);
  const app = createApp(service, {
    ui,
    settings: () => parts.current.rest,
    ...{ pulse: parts.pulses, routes: parts.routes },
    metrics: {
      samples: () =>
        [agent.statistics, parts.dcs, ends].flatMap((each) => each.samples()),
    },
    ...{ log, desk },
  });
  const background = Promise.all([
    parts.etcd?.run(ending.signal),
    agent.runWakers(ending.signal),
    agent.runPoolers(ending.signal),
    ui.feed.run(ending.signal),
    parts.routes.run(ending.signal),
    keepMemorySmall(new OwnMemory(), parts.clock, ending.signal),
    keeper?.run(ending.signal),
    ends.run(ending.signal),
  ]);
  let supervision: Promise<void> | null = null;
  try {
    // Before REST listens: a living namesake is found by its answer there, and
    // the key left by this member's last run names the very same address.
    await agent.startup.run(ending.signal);
    await listener.open(app, await serveOptions(parts.config, log));
    // An agent that is refused must not touch the proxy of the one that lives.
    supervision = proxy?.run(ending.signal) ?? null;
    systemd.ready();
    const end = await agent.loop(reload).run(ending.signal);
    ending.abort();
    await listener.close();
    return await finish(parts, end);
  } finally {
    ending.abort();
    await Promise.all([listener.close(), background, supervision]);
    if (supervision !== null) await proxy?.announceEnd();
    stopListening();
  }
}

function endInOrder({ systemd }: Parts, ending: AbortController): void {
  systemd.stopping();
  ending.abort();
}

async function finish(parts: Parts, end: LoopEnd): Promise<number> {
  const { agent, log } = parts;
  if (end.kind === "stopped") {
    await agent.shutdown.run(false);
    await agent.guards.close();
    return 0;
  }
  log.critical(explain(end.decision, agent.config().self));
  await agent.shutdown.run(end.decision.isPostgresLeft);
  await agent.guards.close();
  return 1;
}

async function reloadAll(
  configuration: Configuration,
  parts: Parts,
): Promise<void> {
  const { log, systemd } = parts;
  systemd.reloading();
  try {
    const next = await prepareReload(configuration, parts);
    // The last part that can fail: the port or the certificates cannot be used.
    await reloadListener(parts.listener, next.serve, log);
    commitReload(next, parts);
    await reloadPostgres(parts);
  } catch (error) {
    log.error(
      `Exception when reloading local configuration: ${String(error)}; ` +
        "the configuration before stays in force",
    );
  } finally {
    systemd.ready();
  }
}

/** Everything that a reload puts in force, ready. */
type Prepared = Awaited<ReturnType<typeof prepareReload>>;

/** Everything of a reload that can fail, before anything changes: half of a configuration is worse than the old one. */
async function prepareReload(configuration: Configuration, parts: Parts) {
  const { log, configPath, postgres: { sessions }, timingFloors } = parts;
  const { config, warnings } = await configuration.again();
  const { env } = configuration;
  const path = logFile(config.log);
  // Of the log in force a full disk is not the reload's fault.
  if (path !== parts.current.logFile) checkLogFile({ key: "log.dir", path });
  return {
    warnings,
    agent: agentConfig(config, timingFloors),
    current: await reloadable(config, log),
    serve: await serveOptions(config, log),
    postgres: postgresOptions(config, log),
    orders: proxyOrders({ config, configPath, env, sessions }),
    log: logOptions(config),
  };
}

/** Puts it in force, in one go: nothing here waits or fails. */
function commitReload(next: Prepared, parts: Parts): void {
  const { log, agent, current, postgres, proxy } = parts;
  log.reconfigure(next.log);
  for (const { text } of next.warnings) log.warning(text);
  agent.reconfigure(next.agent);
  Object.assign(current, next.current);
  postgres.updateOptions(next.postgres);
  if (next.orders !== null) proxy?.reorder(next.orders);
}

/** PostgreSQL's files and processes take over the configuration that is in force. */
async function reloadPostgres(
  { agent, log, postgres }: Parts,
): Promise<void> {
  try {
    await postgres.settings.reload();
    agent.events.reloaded();
  } catch (error) {
    log.error(
      "The reloaded configuration is in force, but PostgreSQL has not taken " +
        `over its part, the next reload tries again: ${String(error)}`,
    );
  }
}
