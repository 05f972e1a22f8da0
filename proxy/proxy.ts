/**
 * The proxy process: opens its ports, connects the parts and ends them. What
 * the parts decide stands in their own files: where clients may go in
 * `routes.ts`, who waits and who is cut in `gate.ts`, one client's life in
 * `session.ts`, the agent's word in `local_agent.ts`, threads and sockets in the
 * fronts.
 */
import { backendKey } from "../lib/core/calc/routing.ts";
import type { Clock } from "../lib/ports/clock.ts";
import type { Dcs } from "../lib/ports/dcs.ts";
import type { Log } from "../lib/ports/log.ts";
import type { ProxyState } from "../lib/ports/proxy_process.ts";
import { Control } from "./control.ts";
import {
  clientsFor,
  descriptorsFor,
  descriptorsMax,
  REFUSALS_MAX,
} from "./descriptors.ts";
import { Fence, type FenceTools } from "./fence.ts";
import type { Doorway, Front, FrontLimits } from "./front.ts";
import { type BackendTotals, type Route, ROUTES } from "./ledger.ts";
import type { PortUse } from "./listener.ts";
import { LocalAgent } from "./local_agent.ts";
import type { ProxyOptions } from "./options.ts";
import { RouteWatch } from "./routes.ts";
import type { RefusalText } from "./startup.ts";
import {
  type AgentStats,
  type BackendStats,
  exclusionSentence,
  type RouteStats,
  type Stats,
} from "./stats.ts";
import { StatsServer } from "./stats_server.ts";

/** What the proxy is made of. */
export interface ProxyParts {
  readonly options: ProxyOptions;
  readonly dcs: Dcs;
  readonly clock: Clock;
  readonly log: Log;
  /** Absent or null: there is no member on this host to fence. */
  readonly fence?: FenceTools | null;
  /** Opens the doors for clients. */
  readonly openFront: (parts: FrontParts) => Promise<Front>;
}

/** What a front is told by control. */
export interface FrontParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: FrontLimits;
  readonly doorway: Doorway;
}

/** The ports in use; they differ from the options where those said 0. */
export interface ProxyPorts {
  readonly primary: number;
  readonly replica: number;
  readonly stats: number;
}

/** See the head of this file. */
export class Proxy {
  readonly ports: ProxyPorts;
  /** Resolves when the proxy has ended by itself or by `stop`. */
  readonly ended: Promise<void>;
  readonly #parts: ProxyParts;
  readonly #front: Front;
  readonly #statsServer: StatsServer;
  readonly #agent: LocalAgent;
  readonly #fence: Fence | null;
  readonly #watch: RouteWatch;
  readonly #stopping = new AbortController();
  readonly #startedAtMs: number;
  readonly #clientsMax: number;
  #control: Control | null = null;
  #isDraining = false;

  private constructor(
    parts: ProxyParts,
    front: Front,
    stats: StatsServer,
  ) {
    this.#parts = parts;
    this.#front = front;
    this.#statsServer = stats;
    stats.show(() => this.stats());
    this.#startedAtMs = parts.clock.wallTimeMs();
    this.#clientsMax = possibleClients(parts.options);
    this.#fence = this.#makeFence();
    this.#agent = this.#makeAgent();
    this.#watch = new RouteWatch({
      ...parts,
      ...parts.options,
      hasLocalLease: (name) => this.#agent.hasLease(name),
      onRoutes: () => this.#takeRoutes(),
    });
    this.#takeRoutes();
    this.ports = { ...front.ports, stats: stats.port };
    this.ended = this.#run();
  }

  /**
   * Opens all ports and starts.
   *
   * @throws {ProxyStartError} If a port or the control socket can not be opened; nothing stays open.
   */
  static async open(parts: ProxyParts): Promise<Proxy> {
    const { listen, statsPort } = parts.options;
    const opened: { close(): void | Promise<void> }[] = [];
    const uses = listen.map((hostname): PortUse => ({
      setting: "stats_port",
      hostname,
      port: statsPort,
    }));
    try {
      const stats = new StatsServer(uses, parts.log);
      opened.push(stats);
      const front = await parts.openFront(frontParts(parts));
      opened.push(front);
      const proxy = new Proxy(parts, front, stats);
      opened.splice(0, opened.length, { close: () => proxy.stop() });
      await proxy.#openControl();
      return proxy;
    } catch (error) {
      for (const one of opened) await one.close();
      throw error;
    }
  }

  /** Ends now: no new clients, every session is closed. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.ended;
  }

  /** Reads the DCS now, as it does by itself every 10 s and after changes. */
  refreshRoutes(): void {
    this.#watch.onReset();
  }

  /** Clients now, for the agent. */
  state(): ProxyState {
    const { held, sessions } = this.#clients();
    return {
      ...{ type: "state", pid: Deno.pid, sessions, held },
      isFenceArmed: this.#fence?.isArmed ?? false,
      settingsKey: this.#parts.options.settingsKey,
    };
  }

  /** Everything that is known, for the statistics port. */
  stats(): Stats {
    const { options } = this.#parts;
    const { primary, replicas, exclusions } = this.#watch.routes;
    return {
      pid: Deno.pid,
      version: options.version,
      scope: options.scope,
      name: options.memberName,
      startedAt: new Date(this.#startedAtMs).toISOString(),
      state: this.#isDraining ? "draining" : "running",
      dataPlane: this.#front.kind,
      dcs: this.#watch.health,
      agent: this.#agentStats(),
      fence: this.#fence?.stats ?? null,
      connectionsMax: this.#clientsMax,
      routes: { primary, replicas, exclusions },
      ports: {
        primary: this.#routeStats("primary"),
        replica: this.#routeStats("replica"),
      },
      backends: this.#front.ledger.backends().map((b) => this.#backendStats(b)),
      changes: this.#watch.changes,
    };
  }

  #makeFence(): Fence | null {
    const { fence, options, ...parts } = this.#parts;
    const { memberName: name, dcsTimeoutMs } = options;
    if (fence === undefined || fence === null || name === null) return null;
    const onCut = (): void =>
      this.#watch.setVeto({ name, reason: "local_fenced" });
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
        onVeto: (veto) => this.#watch.setVeto(veto),
        onResting: (name) => this.#watch.setResting(name),
        onAbandoned: () => {
          log.info("No agent came back: the proxy drains and ends");
          this.#drain();
        },
      },
    });
  }

  async #openControl(): Promise<void> {
    const { log, options } = this.#parts;
    if (options.controlPath === null) return;
    this.#control = await Control.open({
      path: options.controlPath,
      log,
      agent: this.#agent,
      state: () => this.state(),
      onRetire: () => {
        log.info("A proxy with other settings takes over: this one drains");
        this.#retire();
      },
      onStop: () => this.#stopping.abort(),
    });
  }

  async #run(): Promise<void> {
    const signal = this.#stopping.signal;
    const watching = this.#watch.run(signal);
    const stopped = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => stopped.resolve());
    await stopped.promise;
    this.#agent.close();
    await this.#fence?.close();
    const ending = this.#front.close();
    await this.#control?.close();
    await this.#statsServer.close();
    await Promise.all([ending, watching]);
  }

  /** The next proxy is on guard; here the agent's silence means nothing any more. */
  async #retire(): Promise<void> {
    await this.#fence?.close();
    await this.#drain();
  }

  /** Takes no new clients; ends when the last session did, or after a while. */
  async #drain(): Promise<void> {
    const { clock, options } = this.#parts;
    this.#isDraining = true;
    this.#front.closeDoors();
    // Another proxy may be started from now on.
    await this.#control?.close();
    const done = new AbortController();
    const onStop = (): void => done.abort();
    this.#stopping.signal.addEventListener("abort", onStop);
    this.#front.settled().then(() => done.abort());
    await clock.sleep(options.drainMs, done.signal);
    this.#stopping.abort();
  }

  #noBackendText(route: Route): RefusalText {
    const { holdTimeoutMs, scope } = this.#parts.options;
    const what = route === "primary" ? "primary" : "usable replica";
    const reasons = this.#watch.routes.exclusions
      .filter((exclusion) => exclusion.route === route)
      .map(exclusionSentence);
    const known = this.#watch.health.kind === "not_read_yet"
      ? ["The DCS has not answered yet."]
      : reasons;
    return {
      code: "57P03",
      message: `no ${what} of scope "${scope}" could be reached within ` +
        `${holdTimeoutMs / 1000} s`,
      detail: known.length === 0 ? null : known.join(" "),
    };
  }

  #takeRoutes(): void {
    this.#front.setTable({
      routes: this.#watch.routes,
      refusals: {
        primary: this.#noBackendText("primary"),
        replica: this.#noBackendText("replica"),
      },
    });
  }

  #agentStats(): AgentStats | null {
    const heartbeat = this.#agent.heartbeat;
    if (heartbeat === null) return null;
    const { pid, role, leaseDeadlineMs } = heartbeat;
    return {
      pid,
      role,
      isConnected: this.#agent.isConnected,
      leaseRemainingMs: leaseDeadlineMs === null
        ? null
        : leaseDeadlineMs - this.#parts.clock.now(),
    };
  }

  #routeStats(route: Route): RouteStats {
    return {
      ...this.#front.ledger.totals(route),
      port: this.ports[route],
      ...this.#clients(route),
    };
  }

  /** Clients of one door, or of both. */
  #clients(
    route?: Route,
  ): { readonly sessions: number; readonly held: number } {
    const { ledger } = this.#front;
    const routes: readonly Route[] = route === undefined ? ROUTES : [route];
    const sessions = ledger.backends()
      .filter((backend) => routes.includes(backend.route))
      .reduce((sum, backend) => sum + backend.sessions, 0);
    const inside = routes.map((one) => ledger.inside(one))
      .reduce((sum, count) => sum + count, 0);
    return { sessions, held: Math.max(0, inside - sessions) };
  }

  #backendStats(totals: BackendTotals): BackendStats {
    const { primary, replicas } = this.#watch.routes;
    const open = totals.route === "replica" ? replicas : [primary];
    const key = backendKey(totals.backend);
    const isRouted = open.some((b) => b !== null && backendKey(b) === key);
    const { backend, ...numbers } = totals;
    return { ...backend, ...numbers, isRouted };
  }
}

function frontParts(parts: ProxyParts): FrontParts {
  const { clock, log, options } = parts;
  const { holdTimeoutMs, startupTimeoutMs, allow } = options;
  const { listen, primaryPort, replicaPort } = options;
  return {
    clock,
    log,
    limits: {
      holdTimeoutMs,
      startupTimeoutMs,
      allow,
      refusalsMax: Math.ceil(REFUSALS_MAX / Math.max(1, options.workers)),
      connectionsMax: clientsMax(parts),
      routeConnectionsMax: options.routeConnectionsMax,
    },
    doorway: {
      listen,
      ports: { primary: primaryPort, replica: replicaPort },
      isTakeOver: false,
    },
  };
}

/** `max_connections`, or less if the file descriptors are not enough for it. */
function clientsMax({ log, options }: ProxyParts): number {
  const wanted = options.connectionsMax;
  const possible = possibleClients(options);
  if (possible < wanted) {
    log.warning(
      `proxy.max_connections is ${wanted}, which takes ` +
        `${
          descriptorsFor(wanted, options.workers)
        } file descriptors; the limit of this ` +
        `process is ${descriptorsMax()}, so the proxy takes ${possible} clients`,
    );
  }
  return possible;
}

function possibleClients({ connectionsMax, workers }: ProxyOptions): number {
  return Math.min(connectionsMax, clientsFor(descriptorsMax(), workers));
}
