/**
 * The proxy process: opens its ports, connects the parts and ends them. What
 * the parts decide stands in their own files: where clients may go in
 * `routes.ts`, who waits and who is cut in `gate.ts`, one client's life in
 * `session.ts`, the agent's word in `local_agent.ts`.
 */
import type { Routes } from "../lib/core/calc/routing.ts";
import { backendKey } from "../lib/core/calc/routing.ts";
import type { Clock } from "../lib/ports/clock.ts";
import type { Dcs } from "../lib/ports/dcs.ts";
import type { Log } from "../lib/ports/log.ts";
import type { ProxyState } from "../lib/ports/proxy_process.ts";
import { Control } from "./control.ts";
import type { DataPlane } from "./data_plane.ts";
import type { Dialer } from "./dial.ts";
import {
  clientsFor,
  descriptorsFor,
  descriptorsMax,
  REFUSALS_MAX,
} from "./descriptors.ts";
import { Gate } from "./gate.ts";
import { type BackendTotals, Ledger, type Route } from "./ledger.ts";
import {
  acceptAll,
  closePort,
  listenTcp,
  openPorts,
  type PortUse,
} from "./listener.ts";
import { LocalAgent } from "./local_agent.ts";
import type { ProxyOptions } from "./options.ts";
import { RouteWatch } from "./routes.ts";
import { Session, type SessionWorld } from "./session.ts";
import { closeQuietly } from "./portable_plane.ts";
import { refuse } from "./refuse.ts";
import type { RefusalText } from "./startup.ts";
import {
  type AgentStats,
  type BackendStats,
  backendStats,
  exclusionSentence,
  type RouteStats,
  type Stats,
} from "./stats.ts";
import { StatsServer } from "./stats_server.ts";

const TOO_MANY: RefusalText = {
  code: "53300",
  message: "sorry, too many clients already",
  detail: null,
};

/** What the proxy is made of. */
export interface ProxyParts {
  readonly options: ProxyOptions;
  readonly dcs: Dcs;
  readonly clock: Clock;
  readonly log: Log;
  readonly dialer: Dialer;
  readonly plane: DataPlane;
}

/** The ports in use; they differ from the options where those said 0. */
export interface ProxyPorts {
  readonly primary: number;
  readonly replica: number;
  readonly stats: number;
}

interface Doors {
  readonly primary: readonly Deno.TcpListener[];
  readonly replica: readonly Deno.TcpListener[];
}

/** See the head of this file. */
export class Proxy {
  readonly ports: ProxyPorts;
  /** Resolves when the proxy has ended by itself or by `stop`. */
  readonly ended: Promise<void>;
  readonly #parts: ProxyParts;
  readonly #doors: Doors;
  readonly #statsServer: StatsServer;
  readonly #gates: Readonly<Record<Route, Gate>>;
  readonly #ledger = new Ledger();
  readonly #agent: LocalAgent;
  readonly #watch: RouteWatch;
  readonly #sessions = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  readonly #startedAtMs: number;
  readonly #clientsMax: number;
  #control: Control | null = null;
  #refusals = 0;
  #isDraining = false;

  private constructor(parts: ProxyParts, doors: Doors, stats: StatsServer) {
    this.#parts = parts;
    this.#doors = doors;
    this.#statsServer = stats;
    stats.show(() => this.stats());
    this.#startedAtMs = parts.clock.wallTimeMs();
    this.#clientsMax = clientsMax(parts);
    this.#gates = {
      primary: new Gate("primary", parts.clock),
      replica: new Gate("replica", parts.clock),
    };
    this.#agent = this.#makeAgent();
    this.#watch = new RouteWatch({
      ...parts,
      dcsTimeoutMs: parts.options.dcsTimeoutMs,
      replicaLagBytesMax: parts.options.replicaLagBytesMax,
      onRoutes: (routes) => this.#takeRoutes(routes),
    });
    this.ports = {
      primary: portOf(doors.primary),
      replica: portOf(doors.replica),
      stats: stats.port,
    };
    this.ended = this.#run();
  }

  /**
   * Opens all ports and starts.
   *
   * @throws {ProxyStartError} If a port or the control socket can not be opened; nothing stays open.
   */
  static async open(parts: ProxyParts): Promise<Proxy> {
    const { listen, primaryPort, replicaPort, statsPort } = parts.options;
    const opened: { close(): void | Promise<void> }[] = [];
    const uses = (setting: string, port: number): readonly PortUse[] =>
      listen.map((hostname) => ({ setting, hostname, port }));
    const open = (setting: string, port: number) => {
      const doors = openPorts(uses(setting, port), listenTcp);
      opened.push(...doors);
      return doors;
    };
    try {
      const primary = open("primary_port", primaryPort);
      const replica = open("replica_port", replicaPort);
      const stats = new StatsServer(uses("stats_port", statsPort), parts.log);
      opened.push(stats);
      const proxy = new Proxy(parts, { primary, replica }, stats);
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
    const { primary, replica } = this.#gates;
    const held = primary.held + replica.held;
    const sessions = primary.size + replica.size - held;
    return { type: "state", pid: Deno.pid, sessions, held };
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
      dcs: this.#watch.health,
      agent: this.#agentStats(),
      connectionsMax: this.#clientsMax,
      routes: { primary, replicas, exclusions },
      ports: {
        primary: this.#routeStats("primary"),
        replica: this.#routeStats("replica"),
      },
      backends: this.#ledger.backends().map((b) => this.#backendStats(b)),
      changes: this.#watch.changes,
    };
  }

  #makeAgent(): LocalAgent {
    const { clock, log, options } = this.#parts;
    return new LocalAgent({
      clock,
      memberName: options.memberName,
      lingerMs: options.lingerMs,
      listener: {
        onVeto: (veto) => this.#watch.setVeto(veto),
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
      onStop: () => this.#stopping.abort(),
    });
  }

  async #run(): Promise<void> {
    const signal = this.#stopping.signal;
    const accepting = [
      ...this.#doors.primary.map((door) => this.#accept("primary", door)),
      ...this.#doors.replica.map((door) => this.#accept("replica", door)),
    ];
    const watching = this.#watch.run(signal);
    const stopped = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => stopped.resolve());
    await stopped.promise;
    this.#closeDoors();
    for (const gate of Object.values(this.#gates)) gate.endAll();
    this.#agent.close();
    await this.#control?.close();
    await this.#statsServer.close();
    await Promise.all([...accepting, watching, ...this.#sessions]);
  }

  /** Takes no new clients; ends when the last session did, or after a while. */
  async #drain(): Promise<void> {
    const { clock, options } = this.#parts;
    this.#isDraining = true;
    this.#closeDoors();
    // Another proxy may be started from now on.
    await this.#control?.close();
    const done = new AbortController();
    const onStop = (): void => done.abort();
    this.#stopping.signal.addEventListener("abort", onStop);
    Promise.all(this.#sessions).then(() => done.abort());
    await clock.sleep(options.drainMs, done.signal);
    this.#stopping.abort();
  }

  #closeDoors(): void {
    for (const door of this.#doors.primary) closePort(door);
    for (const door of this.#doors.replica) closePort(door);
  }

  #accept(route: Route, door: Deno.TcpListener): Promise<void> {
    const world = this.#world();
    return acceptAll(door, {
      ...this.#parts,
      onClient: (client) => {
        this.#ledger.totals[route].accepted++;
        const clients = this.#gates.primary.size + this.#gates.replica.size;
        if (clients >= this.#clientsMax) {
          this.#ledger.totals[route].tooMany++;
          return this.#refuse(client);
        }
        this.#keep(new Session(client, this.#gates[route], world).run());
      },
    });
  }

  #refuse(client: Deno.TcpConn): void {
    if (this.#refusals >= REFUSALS_MAX) return closeQuietly(client);
    this.#refusals++;
    const onStop = (): void => closeQuietly(client);
    const signal = this.#stopping.signal;
    signal.addEventListener("abort", onStop, { once: true });
    this.#keep(
      refuse(client, TOO_MANY, this.#parts.clock).finally(() => {
        this.#refusals--;
        signal.removeEventListener("abort", onStop);
      }),
    );
  }

  #keep(session: Promise<void>): void {
    this.#sessions.add(session);
    session.finally(() => this.#sessions.delete(session));
  }

  #world(): SessionWorld {
    return {
      ...this.#parts,
      ledger: this.#ledger,
      holdTimeoutMs: this.#parts.options.holdTimeoutMs,
      noBackendText: (gate) => this.#noBackendText(gate),
    };
  }

  #noBackendText(gate: Gate): RefusalText {
    const { holdTimeoutMs, scope } = this.#parts.options;
    const what = gate.route === "primary" ? "primary" : "usable replica";
    const reasons = this.#watch.routes.exclusions
      .filter((exclusion) => exclusion.route === gate.route)
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

  #takeRoutes(routes: Routes): void {
    this.#gates.primary.update(routes);
    this.#gates.replica.update(routes);
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
    const gate = this.#gates[route];
    return {
      ...this.#ledger.totals[route],
      port: this.ports[route],
      sessions: gate.size - gate.held,
      held: gate.held,
    };
  }

  #backendStats(totals: BackendTotals): BackendStats {
    const { primary, replicas } = this.#watch.routes;
    const open = totals.route === "replica" ? replicas : [primary];
    const key = backendKey(totals.backend);
    return backendStats(totals, {
      sessions: this.#gates[totals.route].countOf(totals.backend),
      isRouted: open.some((b) => b !== null && backendKey(b) === key),
    });
  }
}

function portOf(doors: readonly Deno.TcpListener[]): number {
  return doors[0]?.addr.port ?? 0;
}

/** `max_connections`, or less if the file descriptors are not enough for it. */
function clientsMax({ log, options }: ProxyParts): number {
  const limit = descriptorsMax();
  const possible = clientsFor(limit);
  if (possible >= options.connectionsMax) return options.connectionsMax;
  const needed = descriptorsFor(options.connectionsMax);
  log.warning(
    `proxy.max_connections is ${options.connectionsMax}, which takes ` +
      `${needed} file descriptors; the limit of this process is ${limit}, ` +
      `so the proxy takes ${possible} clients`,
  );
  return possible;
}
