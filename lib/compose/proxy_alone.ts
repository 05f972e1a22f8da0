/**
 * `matriarch proxy` on a host without a member: what the process does on signals,
 * when its file has changed, and when the program has.
 */
import { keepMemorySmall, OwnMemory } from "../adapters/os/memory.ts";
import { type HandledSignal, listenToSignals } from "../adapters/os/signals.ts";
import { type ServiceManager, serviceManager } from "../adapters/os/systemd.ts";
import type { LogStream } from "../adapters/log/log_stream.ts";
import { SystemClock } from "../adapters/os/clock.ts";
import type { ProxyHostConfig } from "../config/proxy_host.ts";
import type { StoreConfig } from "../config/stores/all.ts";
import type { Clock } from "../ports/clock.ts";
import { logFile, logOptions } from "./log.ts";
import { checkLogFile } from "./named_files.ts";
import { ProxyCertificates } from "./proxy_certificates.ts";
import { checkReloadable } from "./proxy_changes.ts";
import { readProxyConfig } from "./proxy_config.ts";
import { EDITION_VARIABLE } from "./proxy_edition.ts";
import { makeControlPath } from "./proxy_paths.ts";
import type { ProxyProgram } from "./proxy_program.ts";
import { ProxyStation } from "./proxy_station.ts";
import { ProxyStations } from "./proxy_stations.ts";
import {
  giveSuccessor,
  programMark,
  startSuccessor,
  type Successor,
} from "./proxy_successor.ts";
import { refusalText } from "./refusal.ts";

/** What it is started with. */
interface AloneParts {
  readonly program: ProxyProgram;
  readonly config: ProxyHostConfig;
  readonly log: LogStream;
}

/**
 * Serves until a signal ends it, or until another process has taken over and the
 * last session here is over.
 *
 * @returns The exit code.
 * @throws {ProxyStartError} Or another error, if it cannot start.
 */
export async function serveAlone(parts: AloneParts): Promise<number> {
  const env = Deno.env.toObject();
  Deno.env.delete(EDITION_VARIABLE);
  const systemd = serviceManager();
  try {
    return await new AloneProxy({ ...parts, env, systemd }).run();
  } finally {
    systemd.close();
  }
}

interface AloneWorld extends AloneParts {
  /** As the process was started. */
  readonly env: Readonly<Record<string, string>>;
  readonly systemd: ServiceManager;
}

class AloneProxy {
  readonly #parts: AloneWorld;
  readonly #clock: Clock = new SystemClock();
  readonly #programMark = programMark();
  /** Ends what is done besides serving clients. */
  readonly #ending = new AbortController();
  readonly #certificates: ProxyCertificates;
  #station: ProxyStation | ProxyStations | null = null;
  #successor: Successor | null = null;
  #isHandedOn = false;
  #tasks: Promise<void> = Promise.resolve();
  #keeping: Promise<void> | null = null;
  /** Of the log in force; null: there is none. */
  #logFile: string | null;

  constructor(parts: AloneWorld) {
    this.#parts = parts;
    this.#logFile = logFile(parts.config.log);
    this.#certificates = new ProxyCertificates({
      ...{ log: parts.log, clock: this.#clock },
      openDcs: parts.program.openDcs,
      onChange: () => this.#inTurn(() => this.#reload()),
    });
  }

  async run(): Promise<number> {
    const { log, systemd } = this.#parts;
    const { signal } = this.#ending;
    // One that comes while it starts must not end it: it waits for its turn.
    const opening = this.#inTurn(() => this.#open());
    const unlisteners = [this.#listen(["SIGHUP", "SIGUSR2"])];
    try {
      const station = await opening;
      unlisteners.push(this.#listen(["SIGTERM", "SIGINT"]));
      systemd.ready();
      const memory = keepMemorySmall(new OwnMemory(), this.#clock, signal);
      await station.ended;
      const code = await this.#remain();
      this.#ending.abort();
      await memory;
      log.info("The proxy has ended");
      return code;
    } finally {
      this.#ending.abort();
      await this.#certificates.close();
      await this.#keeping;
      for (const unlisten of unlisteners) unlisten();
    }
  }

  #listen(signals: readonly HandledSignal[]): () => void {
    const { log } = this.#parts;
    return listenToSignals(signals, {
      onSignal: (name) => this.#take(name),
      onError: (error) => log.error(`A signal failed: ${error}`, { error }),
    });
  }

  /** A member of etcd here may be what the store waits for; of a process that is replaced it runs already. */
  async #open(): Promise<ProxyStation | ProxyStations> {
    const { config, env } = this.#parts;
    const edition = env[EDITION_VARIABLE] ?? null;
    if (edition === null) await this.#keepStore(config.dcs);
    const station = await this.#openStation(edition);
    if (edition !== null) await this.#keepStore(config.dcs);
    this.#certificates.begin(config);
    this.#station = station;
    return station;
  }

  async #openStation(
    edition: string | null,
  ): Promise<ProxyStation | ProxyStations> {
    const { config, log, program } = this.#parts;
    const parts = {
      ...{ clock: this.#clock, log, version: program.version },
      openDcs: program.openDcs,
      onHandedOn: () => this.#handedOn(),
    };
    if (config.clusters.length > 0) {
      const controlPathOf = (scope: string) => this.#controlPath([scope]);
      return await ProxyStations.open(
        { ...parts, controlPathOf },
        config,
        edition,
      );
    }
    const controlPath = await this.#controlPath([]);
    return await ProxyStation.open(
      { ...parts, controlPath, isOneOfSeveral: false },
      config,
      edition,
    );
  }

  /** @param among Tells clusters of one file apart; empty: there is one. */
  async #controlPath(among: readonly string[]): Promise<string | null> {
    const { config: { namespace, proxy, scope }, log, program } = this.#parts;
    const path = program.configPath;
    try {
      // A file may say anything else by the time of an upgrade.
      const identity = path === null
        ? [namespace, scope, `${proxy.primaryPort}`]
        : [await Deno.realPath(path)];
      return await makeControlPath(["alone", ...identity, ...among]);
    } catch (error) {
      log.warning(`The proxy cannot be reloaded: ${refusalText(error)}`);
      return null;
    }
  }

  async #keepStore(store: StoreConfig | null): Promise<void> {
    if (store?.kind !== "etcd3" || store.managed === null) return;
    const { etcdSupervisor } = await import("./managed_etcd.ts");
    const parts = { clock: this.#clock, log: this.#parts.log };
    const supervisor = etcdSupervisor(store, parts);
    this.#keeping = supervisor?.run(this.#ending.signal) ?? null;
  }

  async #take(signal: HandledSignal): Promise<void> {
    if (this.#isHandedOn && !this.#parts.systemd.isThere) {
      // Whoever started this process knows no other one.
      this.#successor?.signal(signal === "SIGINT" ? "SIGTERM" : signal);
      const isEnd = signal === "SIGTERM" || signal === "SIGINT";
      // Sessions of clusters that left before are known to this process alone.
      return isEnd ? await this.#station?.stop() : undefined;
    }
    switch (signal) {
      case "SIGHUP":
        return await this.#inTurn(() => this.#reload());
      case "SIGUSR2":
        return await this.#inTurn(() => this.#upgrade());
      case "SIGTERM":
      case "SIGINT":
        this.#parts.systemd.stopping();
        this.#successor?.signal("SIGTERM");
        return await this.#station?.stop();
    }
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const next = this.#tasks.then(task);
    this.#tasks = next.then(() => {}, () => {});
    return next;
  }

  async #reload(): Promise<void> {
    const station = this.#station;
    if (station === null || this.#isHandedOn) return;
    if (programMark() !== this.#programMark) return await this.#upgrade();
    await this.#apply(station);
  }

  /** Puts in force what the file says now. */
  async #apply(station: ProxyStation | ProxyStations): Promise<void> {
    const { log, program, systemd } = this.#parts;
    systemd.reloading();
    try {
      const config = await readProxyConfig(program.configPath);
      checkReloadable(station.config, config);
      const path = logFile(config.log);
      if (path !== this.#logFile) checkLogFile({ key: "log.dir", path });
      const isChanged = await station.replace(config);
      if (isChanged) {
        this.#logFile = path;
        log.reconfigure(logOptions(config));
        this.#certificates.begin(config);
      }
      log.info(
        isChanged
          ? "The configuration is reloaded"
          : "The configuration is as it was: nothing is reloaded",
      );
    } catch (error) {
      log.error(
        "The configuration is not reloaded, the one before stays in force: " +
          refusalText(error),
      );
    } finally {
      systemd.ready();
    }
  }

  /** Starts the program anew beside this process, which goes on if that one cannot begin. */
  async #upgrade(): Promise<void> {
    const { env, log, program, systemd } = this.#parts;
    if (this.#station === null) return;
    if (this.#successor !== null || this.#isHandedOn) return;
    // A cluster that the file has no more would be nobody's afterwards.
    if (this.#station instanceof ProxyStations) {
      await this.#apply(this.#station);
    }
    const { configPath } = program;
    const start = systemd.isThere ? giveSuccessor : startSuccessor;
    const successor = await start({ configPath, env, clock: this.#clock });
    this.#successor = successor;
    log.info(`Process ${successor.pid} is to take over from this one`);
    const handedOn = this.#station.ended;
    const code = await Promise.race([successor.ended, handedOn]);
    if (this.#isHandedOn || code === undefined) return;
    this.#successor = null;
    log.error(
      `Process ${successor.pid} did not take over ` +
        `(exit code ${code ?? "unknown"}): this one goes on as it was`,
    );
  }

  /** From now on this process only has the sessions that it has. */
  #handedOn(): void {
    this.#isHandedOn = true;
    this.#ending.abort();
    this.#certificates.close();
    const { systemd } = this.#parts;
    if (this.#successor !== null) systemd.mainProcess(this.#successor.pid);
  }

  /** Where nobody knows of the other process, this one stands for it. */
  async #remain(): Promise<number> {
    const successor = this.#successor;
    if (!this.#isHandedOn || successor === null) return 0;
    if (this.#parts.systemd.isThere) return 0;
    return await successor.ended ?? 0;
  }
}
