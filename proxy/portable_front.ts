/** The front for every platform: the runtime's own sockets, in this thread. */
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import { Desk } from "./desk.ts";
import type { Dialer } from "./dial.ts";
import type { Doorway, Front, FrontLimits, FrontTable } from "./front.ts";
import { Ledger, type Route, ROUTES } from "./ledger.ts";
import { acceptAll, closePort, listenTcp, openPorts } from "./listener.ts";
import { PortablePlane } from "./portable_plane.ts";

/** What it is made of. */
export interface PortableFrontParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly dialer: Dialer;
  readonly limits: FrontLimits;
  readonly doorway: Doorway;
}

type Doors = Readonly<Record<Route, readonly Deno.TcpListener[]>>;

/** See the head of this file. */
export class PortableFront implements Front {
  readonly kind = "portable";
  readonly ports: Readonly<Record<Route, number>>;
  readonly ledger = Ledger.alone();
  readonly #desk: Desk;
  readonly #doors: Doors;
  readonly #accepting: Promise<unknown>;

  private constructor(parts: PortableFrontParts, doors: Doors) {
    const plane = new PortablePlane(parts.clock);
    this.#doors = doors;
    this.#desk = new Desk({ ...parts, ledger: this.ledger, plane });
    this.ports = {
      primary: doors.primary[0]?.addr.port ?? 0,
      replica: doors.replica[0]?.addr.port ?? 0,
    };
    this.#accepting = Promise.all(
      ROUTES.flatMap((route) =>
        doors[route].map((door) => this.#accept(route, door, parts))
      ),
    );
  }

  /** @throws {ProxyStartError} If a port can not be opened; none stays open. */
  static open(parts: PortableFrontParts): PortableFront {
    const { listen, ports } = parts.doorway;
    const uses = (route: Route) =>
      listen.map((hostname) => ({
        setting: `${route}_port`,
        hostname,
        port: ports[route],
      }));
    const primary = openPorts(uses("primary"), listenTcp);
    try {
      const replica = openPorts(uses("replica"), listenTcp);
      return new PortableFront(parts, { primary, replica });
    } catch (error) {
      for (const door of primary) closePort(door);
      throw error;
    }
  }

  setTable(table: FrontTable): void {
    this.#desk.setTable(table);
  }

  closeDoors(): void {
    for (const route of ROUTES) {
      for (const door of this.#doors[route]) closePort(door);
    }
  }

  async settled(): Promise<void> {
    await this.#accepting;
    await this.#desk.settled();
  }

  async close(): Promise<void> {
    this.closeDoors();
    this.#desk.endAll();
    await this.settled();
  }

  #accept(
    route: Route,
    door: Deno.TcpListener,
    parts: PortableFrontParts,
  ): Promise<void> {
    return acceptAll(door, {
      ...parts,
      onClient: (client) => {
        const address = client.remoteAddr.hostname;
        this.#desk.admit({ route, client, address });
      },
    });
  }
}
