/**
 * Several clusters of one stand-alone proxy: a station for each, one page of
 * statistics for all. What happens to one cluster is no other one's matter: one
 * that cannot begin is tried again while the others serve.
 */
import type { ProxyHostConfig } from "../config/proxy_host.ts";
import type { Log, LogFacts } from "../ports/log.ts";
import type { StatsOptions } from "../../proxy/options.ts";
import { StatsServer } from "../../proxy/stats_server.ts";
import { editionOf, isEqual } from "./proxy_changes.ts";
import { ProxyStation, type StationParts } from "./proxy_station.ts";
import { refusalText } from "./refusal.ts";
import { statsOptions } from "./stats_options.ts";

const RETRY_MS = 5_000;

/** What they work with. */
interface StationsParts
  extends Omit<StationParts, "controlPath" | "isOneOfSeveral"> {
  /** Where the next process finds the proxy of a scope; null: nowhere. */
  readonly controlPathOf: (scope: string) => Promise<string | null>;
}

/** All clusters of a stand-alone proxy. */
export class ProxyStations {
  /** Resolves when the last of them has ended, by `stop` or because another process has them all. */
  readonly ended: Promise<void>;
  readonly #parts: StationsParts;
  /** Under which proxies of another process are replaced; null: they are not. */
  readonly #edition: string | null;
  readonly #serving = new Map<string, ProxyStation>();
  /** Those, and those that only have sessions left. */
  readonly #alive = new Set<ProxyStation>();
  readonly #end = Promise.withResolvers<void>();
  #config: ProxyHostConfig;
  #page: { readonly options: StatsOptions | null; server: StatsServer | null } =
    { options: null, server: null };
  #retries = new AbortController();
  /** What keeps the whole from ending though nothing serves. */
  #holds = 0;

  private constructor(
    parts: StationsParts,
    config: ProxyHostConfig,
    edition: string | null,
  ) {
    this.#parts = parts;
    this.#config = config;
    this.#edition = edition;
    this.ended = this.#end.promise;
  }

  /**
   * Opens them; with an edition in place of those of another process.
   *
   * @throws {ProxyStartError} Or another error, if none of them can begin.
   */
  static async open(
    parts: StationsParts,
    config: ProxyHostConfig,
    edition: string | null,
  ): Promise<ProxyStations> {
    const stations = new ProxyStations(parts, config, edition);
    const page = statsOptions(config.proxy);
    stations.#holds++;
    const failures = await stations.#beginAll(config.clusters);
    const [first] = failures;
    if (first !== undefined && stations.#alive.size === 0) throw first.error;
    stations.#retryAll(failures);
    stations.#showPage(page, edition === null ? "nobody" : "predecessor");
    stations.#release();
    return stations;
  }

  get config(): ProxyHostConfig {
    return this.#config;
  }

  /**
   * Puts another configuration in force, for each cluster whole or not at all:
   * what a cluster cannot have is told in the log.
   *
   * @returns Whether anything has changed.
   * @throws {ConfigError} If the page cannot be had; nothing has changed then.
   */
  async replace(config: ProxyHostConfig): Promise<boolean> {
    const page = statsOptions(config.proxy);
    let isChanged = editionOf(config) !== editionOf(this.#config);
    this.#config = config;
    this.#holds++;
    try {
      this.#stopRetries();
      this.#leaveAllBut(config.clusters);
      isChanged = await this.#changeAll(config.clusters) || isChanged;
      const isNew = ({ scope }: ProxyHostConfig) => !this.#serving.has(scope);
      this.#retryAll(await this.#beginAll(config.clusters.filter(isNew)));
      if (!isEqual(page, this.#page.options)) {
        this.#page.server?.close();
        this.#showPage(page, "predecessor");
      }
    } finally {
      this.#release();
    }
    return isChanged;
  }

  /** Ends all of them with their sessions. */
  async stop(): Promise<void> {
    this.#stopRetries();
    this.#serving.clear();
    const ending = [...this.#alive].map((station) => station.stop());
    await this.#page.server?.close();
    await Promise.allSettled(ending);
    await this.ended;
  }

  #showPage(
    options: StatsOptions | null,
    holder: "nobody" | "predecessor",
  ): void {
    const server = options === null
      ? null
      : new StatsServer({ ...this.#parts, options });
    server?.showClusters(() =>
      [...this.#serving.values()].map((station) => station.stats())
    );
    server?.open(holder);
    this.#page = { options, server };
  }

  async #beginAll(
    configs: readonly ProxyHostConfig[],
    signal: AbortSignal | null = null,
  ): Promise<readonly Failure[]> {
    const failures: Failure[] = [];
    for (const config of configs) {
      try {
        await this.#begin(config, signal);
      } catch (error) {
        failures.push({ config, error });
      }
    }
    return failures;
  }

  async #begin(
    config: ProxyHostConfig,
    signal: AbortSignal | null,
  ): Promise<void> {
    const { controlPathOf, ...parts } = this.#parts;
    const { scope } = config;
    const station = await ProxyStation.open(
      {
        ...parts,
        isOneOfSeveral: true,
        log: labelled(parts.log, scope),
        controlPath: await controlPathOf(scope),
        onHandedOn: () => this.#handedOn(scope),
      },
      config,
      this.#edition,
    );
    // Meanwhile the file may say something else.
    if (signal?.aborted) return await station.stop();
    this.#serving.set(scope, station);
    this.#alive.add(station);
    this.#watch(station, scope);
  }

  /** One that ends while it is to serve has failed. */
  async #watch(station: ProxyStation, scope: string): Promise<void> {
    const error = await station.ended.then(() => null, (error) => error);
    this.#holds++;
    this.#alive.delete(station);
    if (this.#serving.get(scope) === station) {
      this.#serving.delete(scope);
      const why = error ?? new Error("it has ended");
      this.#retryAll([{ config: station.config, error: why }]);
    }
    this.#release();
  }

  /** Another process has it: its sessions are all that is left here. */
  #handedOn(scope: string): void {
    // That process looks after those that failed here, and has the page.
    this.#stopRetries();
    this.#page.server?.close();
    this.#serving.delete(scope);
    if (this.#serving.size === 0) this.#parts.onHandedOn();
  }

  #leaveAllBut(configs: readonly ProxyHostConfig[]): void {
    const kept = new Set(configs.map(({ scope }) => scope));
    for (const [scope, station] of this.#serving) {
      if (kept.has(scope)) continue;
      this.#serving.delete(scope);
      station.leave();
      this.#parts.log.info(
        `Scope "${scope}" is served no more; sessions that exist go on`,
      );
    }
  }

  async #changeAll(configs: readonly ProxyHostConfig[]): Promise<boolean> {
    let isChanged = false;
    for (const config of configs) {
      try {
        const station = this.#serving.get(config.scope);
        isChanged = await station?.replace(config) || isChanged;
      } catch (error) {
        this.#parts.log.error(
          `The configuration of scope "${config.scope}" is not reloaded, the ` +
            `one before stays in force: ${refusalText(error)}`,
        );
      }
    }
    return isChanged;
  }

  #retryAll(failures: readonly Failure[]): void {
    const { signal } = this.#retries;
    for (const failure of failures) this.#retry(failure, signal);
  }

  async #retry({ config, error }: Failure, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#parts;
    log.error(
      `Scope "${config.scope}" cannot be served yet, and is tried again every ` +
        `${RETRY_MS / 1000} s: ${refusalText(error)}`,
    );
    this.#holds++;
    for (;;) {
      await clock.sleep(RETRY_MS, signal);
      if (signal.aborted) break;
      const failures = await this.#beginAll([config], signal);
      if (failures.length === 0) break;
    }
    this.#release();
  }

  #stopRetries(): void {
    this.#retries.abort();
    this.#retries = new AbortController();
  }

  #release(): void {
    if (--this.#holds > 0 || this.#alive.size > 0) return;
    this.#page.server?.close();
    this.#end.resolve();
  }
}

/** A cluster that could not begin. */
interface Failure {
  readonly config: ProxyHostConfig;
  readonly error: unknown;
}

/** A log in which every line says of which cluster it is. */
function labelled(log: Log, scope: string): Log {
  const label = (message: string): string => `[${scope}] ${message}`;
  const at = (level: keyof Log) => (message: string, facts?: LogFacts): void =>
    log[level](label(message), facts);
  return {
    debug: at("debug"),
    info: at("info"),
    warning: at("warning"),
    error: at("error"),
    critical: at("critical"),
  };
}
