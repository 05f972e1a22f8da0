/**
 * The proxy process: opens its ports, connects the parts and ends them. What
 * the parts decide stands in their own files: where clients may go in
 * `routes.ts`, who waits and who is cut in `gate.ts`, one client's life in
 * `session.ts`, the agent's word in `local_agent.ts`, threads and sockets in the
 * fronts.
 */
import type { Clock } from "../lib/ports/clock.ts";
import type { Dcs } from "../lib/ports/dcs.ts";
import type { Log } from "../lib/ports/log.ts";
import type { Onlooker } from "../lib/ports/onlooker.ts";
import type {
  AgentWord,
  ProxyRefusal,
  ProxyState,
} from "../lib/ports/proxy_process.ts";
import { Control } from "./control.ts";
import type { ClusterFeed } from "../lib/ui/feed.ts";
import { proxyPage } from "./cluster_page.ts";
import type { FeltWatch } from "./felt.ts";
import { reportedFelt } from "./felt_report.ts";
import { Fence, type FenceTools } from "./fence.ts";
import { doorsOf, type DoorSpec, type PerDoor } from "./doors.ts";
import type { Front } from "./front.ts";
import { type FrontParts, frontParts, possibleClients } from "./front_parts.ts";
import { LocalAgent } from "./local_agent.ts";
import { noBackendText } from "./no_backend_text.ts";
import type { ProxyOptions } from "./options.ts";
import type { Predecessor } from "./predecessor.ts";
import type { SessionRecord } from "./session_record.ts";
import { reasonToStay } from "./reason_to_stay.ts";
import { RouteWatch } from "./routes.ts";
import type { RefusalText } from "./startup.ts";
import type { Stats, VipStats } from "./stats.ts";
import { StatsServer } from "./stats_server.ts";
import { clientsOf, statsOf } from "./stats_view.ts";
import { takeStoreProof } from "./store_proof.ts";
import { inherit, untilRead } from "./succession.ts";

/** What the proxy is made of. */
interface ProxyParts {
  readonly options: ProxyOptions;
  readonly dcs: Dcs;
  readonly clock: Clock;
  readonly log: Log;
  /** Absent or null: there is no member on this host to fence. */
  readonly fence?: FenceTools | null;
  /** Absent or null: there is no cluster page. */
  readonly onlooker?: Onlooker | null;
  /** The session log; absent or null: there is none. */
  readonly onSession?: ((record: SessionRecord) => void) | null;
  /** Another proxy takes over; returns the election that its virtual addresses are left under, null: none. Must not throw. */
  readonly onYield?: () => string | null;
  /** Opens the doors for clients. */
  readonly openFront: (parts: FrontParts) => Promise<Front>;
}

/** The ports in use; they differ from the options where those said 0. */
export interface ProxyPorts {
  readonly primary: number;
  readonly replica: number;
  /** Of all doors, by their names. */
  readonly doors: PerDoor<number>;
  /** Null: there are no statistics. */
  readonly stats: number | null;
}

/** The proxy process: its parts, their start and their end. */
export class Proxy {
  /** Resolves when the proxy has ended by itself or by `stop`. */
  readonly ended: Promise<void>;
  readonly #parts: ProxyParts;
  readonly #front: Front;
  readonly #statsServer: StatsServer | null;
  readonly #agent: LocalAgent;
  readonly #fence: Fence | null;
  readonly #watch: RouteWatch;
  readonly #felt: FeltWatch;
  readonly #predecessor: Predecessor | null;
  readonly #stopping = new AbortController();
  readonly #startedAtMs: number;
  readonly #clientsMax: number;
  #control: Control | null = null;
  #page: ClusterFeed | null = null;
  #vips: () => readonly VipStats[] = () => [];
  #inheritedElection: string | null = null;
  /** Draining: no new clients; stopped: sessions end now, also those of older proxies. */
  #phase: "running" | "draining" | "stopped" = "running";
  /** Another proxy has the doors and the fence now. */
  #hasYielded = false;

  private constructor(
    parts: ProxyParts,
    opened: {
      readonly front: Front;
      readonly stats: StatsServer | null;
      readonly predecessor: Predecessor | null;
    },
  ) {
    const { front, stats } = opened;
    this.#parts = parts;
    this.#predecessor = opened.predecessor;
    this.#front = front;
    this.#statsServer = stats;
    stats?.show(() => this.stats());
    this.#startedAtMs = parts.clock.wallTimeMs();
    this.#clientsMax = possibleClients(parts.options);
    this.#felt = this.#makeFelt();
    this.#fence = this.#makeFence();
    this.#agent = this.#makeAgent();
    this.#watch = new RouteWatch({
      ...parts,
      ...parts.options,
      hasLocalLease: (name) => this.#agent.hasLease(name),
      onRoutes: () => this.#takeRoutes(),
    });
    // A successor lets nobody in before it knows where to.
    if (this.#predecessor === null) this.#takeRoutes();
    this.ended = this.#run();
  }

  /**
   * Opens the ports and starts, in place of a running proxy if there is one of
   * another edition. Statistics come when their port can be had.
   *
   * @throws {ProxyStartError} If a client port or the control socket cannot be
   *   opened, or if the running proxy is to stay; nothing stays open.
   */
  static async open(parts: ProxyParts): Promise<Proxy> {
    const { stats: wanted } = parts.options;
    const inheritance = await inherit(parts.options, parts.clock);
    const { predecessor } = inheritance;
    const isTakeOver = predecessor !== null;
    const opened: { close(): void | Promise<void> }[] = [];
    try {
      if (isTakeOver) opened.push(predecessor);
      const stats = wanted === null
        ? null
        : new StatsServer({ ...parts, options: wanted });
      if (stats !== null) opened.push(stats);
      const front = await parts.openFront(frontParts(parts, inheritance));
      opened.push(front);
      const proxy = new Proxy(parts, { front, stats, predecessor });
      opened.splice(0, opened.length, { close: () => proxy.#abandon() });
      if (isTakeOver) await proxy.#takeCharge(predecessor);
      else stats?.open("nobody");
      await proxy.#openControl();
      return proxy;
    } catch (error) {
      for (const one of opened) await one.close();
      throw error;
    }
  }

  get ports(): ProxyPorts {
    const doors = this.#front.ports;
    const { primary, replica } = doors;
    const stats = this.#statsServer?.port ?? null;
    return { primary, replica, doors, stats };
  }

  /** Ends now: no new clients, every session is closed. */
  async stop(): Promise<void> {
    this.#phase = "stopped";
    this.#stopping.abort();
    await this.ended;
  }

  /** Takes no new clients, and ends with the last session, or after `upgradeMs`. */
  leave(): void {
    this.#drain(this.#parts.options.upgradeMs, "with_older");
  }

  /** Ends before it took charge: whoever ran goes on. */
  async #abandon(): Promise<void> {
    await this.#predecessor?.close();
    await this.stop();
  }

  /** Reads the DCS now, as it does by itself every 10 s and after changes. */
  refreshRoutes(): void {
    this.#watch.onReset();
  }

  /** Clients now, for the agent. */
  state(): ProxyState {
    const { edition, version } = this.#parts.options;
    const { held, sessions: own } = clientsOf(this.#front.ledger);
    // A successor asks for all that is left.
    const older = this.#hasYielded ? this.#predecessor?.state : null;
    const sessions = own + (older?.sessions ?? 0);
    const isFenceArmed = !this.#hasYielded && (this.#fence?.isArmed ?? false);
    const state = { type: "state", pid: Deno.pid, version, edition } as const;
    return { ...state, sessions, held, isFenceArmed };
  }

  /** Another proxy has taken over. */
  get hasYielded(): boolean {
    return this.#hasYielded;
  }

  /** The election under which the replaced proxy left its virtual addresses; null: none. */
  get inheritedElection(): string | null {
    return this.#inheritedElection;
  }

  /** What the statistics say of virtual addresses, from now on. */
  showVips(vips: () => readonly VipStats[]): void {
    this.#vips = vips;
  }

  /** Everything that is known, for the statistics port. */
  stats(): Stats {
    return statsOf({
      ...this.#parts,
      front: this.#front,
      watch: this.#watch,
      agent: this.#agent,
      fence: this.#fence,
      predecessor: this.#predecessor,
      vips: this.#vips(),
      state: this.#phase === "running" ? "running" : "draining",
      startedAtMs: this.#startedAtMs,
      clientsMax: this.#clientsMax,
    });
  }

  /** The member beside it, or its host and port. */
  get #name(): string {
    return this.#parts.options.memberName ??
      `${Deno.hostname()}:${this.#front.ports.primary}`;
  }

  #makeFelt(): FeltWatch {
    return reportedFelt({
      ...{ ...this.#parts, ...this.#parts.options },
      ledger: this.#front.ledger,
      proxy: () => this.#name,
      isTold: () => !this.#hasYielded,
      signal: this.#stopping.signal,
    });
  }

  #makeFence(): Fence | null {
    const { fence, options, ...parts } = this.#parts;
    const { memberName: name, dcsTimeoutMs } = options;
    if (fence === undefined || fence === null || name === null) return null;
    const onCut = (): void => {
      this.#watch.setVeto({ name, reason: "local_fenced" });
      const word = this.#agent.heartbeat;
      if (word === null) return;
      this.#predecessor?.tell({ ...word, role: "demoted" });
    };
    return new Fence({ ...parts, ...fence, dcsTimeoutMs, onCut });
  }

  #makeAgent(): LocalAgent {
    const { clock, log, options } = this.#parts;
    return new LocalAgent({
      clock,
      memberName: options.memberName,
      lingerMs: options.lingerMs,
      fence: this.#fence,
      listener: {
        onWord: (heartbeat) => {
          takeStoreProof(this.#parts.dcs, heartbeat);
          this.#predecessor?.tell(heartbeat);
        },
        onVeto: (veto) => this.#watch.setVeto(veto),
        onResting: (name) => this.#watch.setResting(name),
        onAbandoned: () => {
          log.info("No agent came back: the proxy drains and ends");
          this.#drain(options.drainMs);
        },
      },
    });
  }

  async #openControl(): Promise<void> {
    const { clock, log, options } = this.#parts;
    if (options.controlPath === null) return;
    this.#control = await Control.open({
      path: options.controlPath,
      clock,
      log,
      agent: this.#agent,
      state: () => this.state(),
      onStop: () => void this.stop(),
      onTakeOver: (inbox) => {
        const refusal = this.#reasonToStay();
        if (refusal === null && inbox !== null) this.#front.shareDoors(inbox);
        return refusal;
      },
      onYield: () => this.#reasonToStay() ?? this.#yield(),
    });
  }

  /** The running proxy goes on with its sessions; everything else is here from now on. */
  async #takeCharge(predecessor: Predecessor): Promise<void> {
    const { clock, log } = this.#parts;
    await untilRead(this.#watch.firstRead, clock);
    const word = await predecessor.yield();
    if (word?.heartbeat) this.#agent.inherit(word.heartbeat);
    this.#inheritedElection = word?.vipElection ?? null;
    await this.#front.openLateDoors();
    this.#statsServer?.open("predecessor");
    const { pid = 0, sessions = 0, version = "unknown" } = predecessor.state ??
      {};
    log.info(
      `Took over from the proxy of process ${pid} (version ${version}), ` +
        `which goes on with ${sessions} sessions`,
    );
    predecessor.watch(this.#stopping.signal);
  }

  /** What is under way here must end here. */
  #reasonToStay(): ProxyRefusal | null {
    return reasonToStay({
      fence: this.#fence?.stats.state ?? "off",
      isResting: this.#agent.rest.isUnderWay,
      isDraining: this.#phase !== "running",
    });
  }

  #yield(): AgentWord {
    const { log, options } = this.#parts;
    const heartbeat = this.#agent.heartbeat;
    this.#hasYielded = true;
    this.#agent.retire();
    this.#fence?.close();
    this.#statsServer?.close();
    const { sessions } = clientsOf(this.#front.ledger);
    log.info(
      `Another proxy has taken over; this one ends with its ${sessions} ` +
        `sessions, at the latest in ${options.upgradeMs / 1000} s`,
    );
    this.#drain(options.upgradeMs);
    const vipElection = this.#parts.onYield?.() ?? null;
    return { type: "word", heartbeat, vipElection };
  }

  async #run(): Promise<void> {
    const signal = this.#stopping.signal;
    const sources = { ...this.#parts, name: this.#name, watch: this.#watch };
    const place = { front: this.#front, server: this.#statsServer };
    this.#page = proxyPage(sources, place);
    const watching = Promise.all([
      this.#watch.run(signal),
      this.#felt.run(signal),
      this.#page?.run(signal),
    ]);
    const stopped = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => stopped.resolve());
    await stopped.promise;
    this.#agent.close();
    await this.#fence?.close();
    // One that ends for good ends the older one, too.
    if (!this.#hasYielded || this.#phase === "stopped") {
      await this.#predecessor?.stop();
    }
    await this.#predecessor?.close();
    const ending = this.#front.close();
    await this.#control?.close();
    await this.#statsServer?.close();
    await Promise.all([ending, watching]);
  }

  /** Takes no new clients; ends when the last session did, or after a while. */
  async #drain(
    limitMs: number,
    older: "with_older" | "alone" = "alone",
  ): Promise<void> {
    const { clock } = this.#parts;
    if (this.#phase === "running") this.#phase = "draining";
    this.#front.closeDoors();
    // Another proxy may be started from now on, unless it was.
    if (!this.#hasYielded) await this.#control?.close();
    const done = new AbortController();
    const onStop = (): void => done.abort();
    this.#stopping.signal.addEventListener("abort", onStop);
    // An older proxy hears of the agent through this one.
    const isLast = this.#hasYielded || older === "with_older";
    const before = isLast ? this.#predecessor?.ended : undefined;
    Promise.all([this.#front.settled(), before]).then(() => done.abort());
    await clock.sleep(limitMs, done.signal);
    this.#stopping.abort();
  }

  #takeRoutes(): void {
    const { options } = this.#parts;
    const { routes, view } = this.#watch;
    const term = view?.leader?.revision ?? null;
    this.#felt.turn({ primary: routes.primary, term });
    this.#page?.seen();
    const facts = { options, watch: this.#watch };
    const textOf = (door: DoorSpec): RefusalText => noBackendText(door, facts);
    const refusals = doorsOf(options).map((door) => [door.name, textOf(door)]);
    this.#front.setTable({ routes, refusals: Object.fromEntries(refusals) });
  }
}
