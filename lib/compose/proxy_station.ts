/**
 * One cluster of a stand-alone proxy: its store, its ports, its virtual
 * addresses, and how another configuration takes their place. The new proxy
 * takes over from the old one as beside an agent, only in the same process: the
 * old one goes on with its sessions and ends with the last of them.
 */
import type { DcsTarget } from "../cli/context.ts";
import type { ProxyHostConfig } from "../config/proxy_host.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dcs } from "../ports/dcs.ts";
import type { Log } from "../ports/log.ts";
import { listenTcp, openPorts, type PortUse } from "../../proxy/listener.ts";
import { closeQuietly } from "../../proxy/byte_stream.ts";
import { doorsOf } from "../../proxy/doors.ts";
import type { ProxyOptions } from "../../proxy/options.ts";
import { Proxy } from "../../proxy/proxy.ts";
import type { Stats } from "../../proxy/stats.ts";
import type { VipElection } from "../../proxy/vip_election.ts";
import { peersTls } from "./peers.ts";
import { editionOf, keptGroups, storeMark, vipMark } from "./proxy_changes.ts";
import { openFront } from "./proxy_front.ts";
import {
  onlookerOf,
  optionsOf,
  portsText,
  sessionLog,
} from "./proxy_options.ts";
import { takePartInVips } from "./proxy_vips.ts";

/** What a station works with. */
export interface StationParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
  readonly openDcs: (target: DcsTarget) => Promise<Dcs>;
  /** Where the next proxy finds this one; null: nowhere, it cannot be replaced. */
  readonly controlPath: string | null;
  /** The process has others, too, so that session logs have to tell. */
  readonly isOneOfSeveral: boolean;
  /** Another process has taken this cluster over. Must not throw. */
  readonly onHandedOn: () => void;
}

/** A store and how many proxies use it. */
interface SharedStore {
  readonly mark: string;
  readonly dcs: Dcs;
  users: number;
}

interface InForce {
  readonly config: ProxyHostConfig;
  readonly edition: string;
  readonly options: ProxyOptions;
  readonly store: SharedStore;
  readonly proxy: Proxy;
}

/** One cluster of a stand-alone proxy. */
export class ProxyStation {
  /** Resolves when it has ended by itself, by `stop`, or because another process has it and its last session is over. */
  readonly ended: Promise<void>;
  readonly #parts: StationParts;
  #inForce: InForce;
  #vips: VipElection | null = null;
  #replacing: Promise<unknown> = Promise.resolve();
  #leaving: Promise<void> = Promise.resolve();
  #isReplacing = false;
  /** The old proxy let go and the new one did not begin. */
  #failure: unknown = null;

  private constructor(parts: StationParts, first: InForce) {
    this.#parts = parts;
    this.#inForce = first;
    this.ended = this.#run();
  }

  /**
   * Opens it; with an edition in place of the proxy of another process.
   *
   * @throws {ProxyStartError} See {@link Proxy.open}.
   */
  static async open(
    parts: StationParts,
    config: ProxyHostConfig,
    edition: string | null,
  ): Promise<ProxyStation> {
    const store = await openStore(parts, config);
    try {
      const yielded: { by: ProxyStation | null } = { by: null };
      const opened = await openProxy(parts, {
        ...{ config, edition, dcs: store.dcs },
        onYield: () => yielded.by === null ? null : yielded.by.#yielded(),
      });
      const mark = editionOf(config);
      const station = new ProxyStation(parts, {
        ...{ config, store, edition: mark },
        ...opened,
      });
      yielded.by = station;
      await station.#joinVips(opened.proxy.inheritedElection);
      return station;
    } catch (error) {
      await release(store);
      throw error;
    }
  }

  get config(): ProxyHostConfig {
    return this.#inForce.config;
  }

  /** What is known of it now. */
  stats(): Stats {
    return this.#inForce.proxy.stats();
  }

  /**
   * Puts another configuration in force, whole or not at all.
   *
   * @returns Whether anything has changed.
   * @throws {ProxyStartError} Or another error; the one before stays in force.
   */
  async replace(config: ProxyHostConfig): Promise<boolean> {
    const edition = editionOf(config);
    if (edition === this.#inForce.edition) return false;
    const replacing = this.#replace(config, edition);
    this.#replacing = replacing.catch(() => {});
    await replacing;
    return true;
  }

  /** Ends it with its sessions; clients go to another host before. */
  async stop(): Promise<void> {
    await this.#replacing;
    await this.#vips?.end();
    await this.#inForce.proxy.stop();
    await this.ended;
  }

  /** Takes no new clients; it ends with the last session. */
  async leave(): Promise<void> {
    await this.#replacing;
    this.#inForce.proxy.leave();
    await this.#vips?.end();
  }

  /** Another proxy takes charge: of this process, or of the next one. */
  #yielded(): string | null {
    if (this.#isReplacing) return null;
    const vips = this.#vips;
    this.#vips = null;
    const all = this.config.vipGroups.map(({ group }) => group);
    this.#leaving = vips?.handOn(new Set(all)) ?? this.#leaving;
    this.#parts.onHandedOn();
    return vips?.id ?? null;
  }

  async #run(): Promise<void> {
    for (let last: InForce | null = null; last !== this.#inForce;) {
      last = this.#inForce;
      await last.proxy.ended;
      await this.#replacing;
    }
    await this.#vips?.end();
    await this.#leaving;
    await release(this.#inForce.store);
    if (this.#failure !== null) throw this.#failure;
  }

  async #replace(config: ProxyHostConfig, edition: string): Promise<void> {
    const old = this.#inForce;
    probePorts(optionsOf(config, NOBODY), old.options);
    const isSameStore = storeMark(config) === old.store.mark;
    const store = isSameStore
      ? old.store
      : await openStore(this.#parts, config);
    if (isSameStore) store.users++;
    let opened;
    this.#isReplacing = true;
    try {
      opened = await openProxy(this.#parts, {
        ...{ config, edition, dcs: store.dcs },
        onYield: () => this.#yielded(),
      });
    } catch (error) {
      await release(store);
      if (old.proxy.hasYielded) await this.#giveUp(old, error);
      throw error;
    } finally {
      this.#isReplacing = false;
    }
    this.#inForce = { config, edition, store, ...opened };
    old.proxy.ended.then(() => release(old.store));
    await this.#moveVips(old.config);
  }

  /** Whoever supervises this process starts it anew. */
  async #giveUp(old: InForce, error: unknown): Promise<void> {
    this.#failure = error;
    await old.proxy.stop();
  }

  async #moveVips(before: ProxyHostConfig): Promise<void> {
    const { config, proxy } = this.#inForce;
    const vips = this.#vips;
    if (vipMark(before) === vipMark(config)) {
      if (vips !== null) proxy.showVips(() => vips.stats());
      return;
    }
    const kept = keptGroups(before, config);
    await vips?.handOn(kept);
    await this.#joinVips(kept.size > 0 ? vips?.id ?? null : null);
  }

  async #joinVips(heirOf: string | null): Promise<void> {
    const { config, store } = this.#inForce;
    this.#vips = await takePartInVips({
      ...{ ...this.#parts, config, dcs: store.dcs, heirOf },
      proxy: {
        showVips: (vips) => this.#inForce.proxy.showVips(vips),
        stats: () => this.#inForce.proxy.stats(),
      },
    });
  }
}

const NOBODY = { version: "", edition: null, controlPath: null } as const;

async function openStore(
  parts: StationParts,
  config: ProxyHostConfig,
): Promise<SharedStore> {
  const { ctl, dcs: store, namespace, proxy: { agents: urls }, scope } = config;
  const mark = storeMark(config);
  if (store === null) {
    const { DcsAgents } = await import("../adapters/agents/dcs_agents.ts");
    const tls = () => peersTls(ctl);
    const dcs = new DcsAgents({ ...parts, urls, scope, tls });
    return { mark, dcs, users: 1 };
  }
  const target = { config: store, namespace, scope, group: null };
  return { mark, dcs: await parts.openDcs(target), users: 1 };
}

async function release(store: SharedStore): Promise<void> {
  if (--store.users === 0) await store.dcs.close();
}

async function openProxy(
  { clock, log, version, controlPath, isOneOfSeveral }: StationParts,
  { config, dcs, edition, onYield }: {
    readonly config: ProxyHostConfig;
    readonly dcs: Dcs;
    readonly edition: string | null;
    readonly onYield: () => string | null;
  },
): Promise<{ readonly proxy: Proxy; readonly options: ProxyOptions }> {
  const options = optionsOf(config, { version, edition, controlPath });
  const proxy = await Proxy.open({
    ...{ options, dcs, clock, log, onYield },
    onlooker: onlookerOf(config),
    onSession: sessionLog(config.proxy, isOneOfSeveral ? config.scope : null),
    openFront: (parts) => openFront(parts, config.proxy),
  });
  log.info(portsText(config, proxy));
  return { proxy, options };
}

/**
 * Ports that are new must be free before anything changes: one that cannot be
 * had later would leave half of a configuration.
 *
 * @throws {ProxyStartError} If one is not.
 */
function probePorts(next: ProxyOptions, old: ProxyOptions): void {
  const known = new Set(usesOf(old).map(({ port }) => port));
  for (const use of usesOf(next)) {
    if (known.has(use.port)) continue;
    for (const one of openPorts([use], listenTcp)) closeQuietly(one);
  }
}

function usesOf(options: ProxyOptions): readonly PortUse[] {
  const { listen, stats } = options;
  const doors = doorsOf(options).flatMap(({ port, setting }) =>
    listen.map((hostname) => ({ setting, hostname, port }))
  );
  const pages = stats?.listen.map((hostname) => ({
    ...{ setting: "stats_port", hostname, port: stats.port },
  }));
  return [...doors, ...pages ?? []];
}
