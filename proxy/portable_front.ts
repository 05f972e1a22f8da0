/** The front for every platform: the runtime's own sockets, in this thread. */
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import { Sessions } from "./sessions.ts";
import { type Dialer, tune } from "./dial.ts";
import type { Doorway, Front, FrontLimits, FrontTable } from "./front.ts";
import type { KernelTuning } from "./kernel_tuning.ts";
import { Ledger, type Route, ROUTES } from "./ledger.ts";
import { acceptAll, closePort, listenTcp, openPorts } from "./listener.ts";
import { ProxyStartError } from "./options.ts";
import { PortablePlane } from "./portable_plane.ts";

/** How long a predecessor may take to let go of its ports. */
const LATE_MS = 5_000;
const LATE_LOOK_MS = 10;

/** What it is made of. */
export interface PortableFrontParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly dialer: Dialer;
  readonly tuning?: KernelTuning;
  readonly limits: FrontLimits;
  readonly doorway: Doorway;
}

type Doors = Readonly<Record<Route, readonly Deno.TcpListener[]>>;

/** A front in this thread, with the runtime's own sockets. */
export class PortableFront implements Front {
  readonly kind = "portable";
  readonly ledger = Ledger.alone();
  readonly #parts: PortableFrontParts;
  readonly #sessions: Sessions;
  #doors: Doors | null = null;
  #accepting: Promise<unknown> = Promise.resolve();

  private constructor(parts: PortableFrontParts) {
    const { clock, limits: { turnHoldMs } } = parts;
    const plane = new PortablePlane({ clock, turnHoldMs });
    this.#parts = parts;
    this.#sessions = new Sessions({ ...parts, ledger: this.ledger, plane });
  }

  /** @throws {ProxyStartError} If a port cannot be opened; none stays open. */
  static open(parts: PortableFrontParts): PortableFront {
    const front = new PortableFront(parts);
    // The runtime neither hands sockets on nor shares ports.
    if (!parts.doorway.isTakeOver) front.#openDoors();
    return front;
  }

  get ports(): Readonly<Record<Route, number>> {
    const { ports } = this.#parts.doorway;
    return {
      primary: this.#doors?.primary[0]?.addr.port ?? ports.primary,
      replica: this.#doors?.replica[0]?.addr.port ?? ports.replica,
    };
  }

  /** @throws {ProxyStartError} If somebody keeps a port. */
  async openLateDoors(): Promise<void> {
    const { clock } = this.#parts;
    const deadline = clock.now() + LATE_MS;
    while (this.#doors === null) {
      try {
        this.#openDoors();
      } catch (error) {
        const isHopeless = !(error instanceof ProxyStartError) ||
          clock.now() > deadline;
        if (isHopeless) throw error;
        await clock.sleep(LATE_LOOK_MS);
      }
    }
  }

  shareDoors(): void {
    // There is no way; they are closed for the successor.
  }

  setTable(table: FrontTable): void {
    this.#sessions.setTable(table);
  }

  closeDoors(): void {
    for (const route of ROUTES) {
      for (const door of this.#doors?.[route] ?? []) closePort(door);
    }
  }

  async settled(): Promise<void> {
    await this.#accepting;
    await this.#sessions.settled();
  }

  async close(): Promise<void> {
    this.closeDoors();
    this.#sessions.endAll();
    await this.settled();
  }

  #openDoors(): void {
    const { listen, ports } = this.#parts.doorway;
    const uses = (route: Route) =>
      listen.map((hostname) => ({
        setting: `${route}_port`,
        hostname,
        port: ports[route],
      }));
    const { tuning } = this.#parts;
    const open = (host: string, port: number): Deno.TcpListener => {
      const from = tuning?.lowestFree() ?? -1;
      const listener = listenTcp(host, port);
      tuning?.tune(from, listener.addr);
      return listener;
    };
    const primary = openPorts(uses("primary"), open);
    try {
      const replica = openPorts(uses("replica"), open);
      const doors = { primary, replica };
      this.#doors = doors;
      this.#accepting = Promise.all(
        ROUTES.flatMap((route) =>
          doors[route].map((door) => this.#accept(route, door))
        ),
      );
    } catch (error) {
      for (const door of primary) closePort(door);
      throw error;
    }
  }

  #accept(route: Route, door: Deno.TcpListener): Promise<void> {
    return acceptAll(door, {
      ...this.#parts,
      onClient: (client) => {
        tune(client);
        const address = (): string => client.remoteAddr.hostname;
        this.#sessions.admit({ route, client, address });
      },
    });
  }
}
