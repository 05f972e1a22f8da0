/** The front for every platform: the runtime's own sockets, in this thread. */
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import { Sessions } from "./sessions.ts";
import { type Dialer, tune } from "./dial.ts";
import type { Doorway, Front, FrontLimits, FrontTable } from "./front.ts";
import type { KernelTuning } from "./kernel_tuning.ts";
import { type DoorSpec, type PerDoor, perDoor, type Route } from "./doors.ts";
import { Ledger } from "./ledger.ts";
import { acceptAll, closePort, listenTcp, openPorts } from "./listener.ts";
import type { SessionRecord } from "./session_record.ts";
import type { ConnectionEnds, EndPoint } from "./proxy_header.ts";
import { ProxyStartError } from "./options.ts";
import { ServerPlaces } from "./server_places.ts";
import {
  LOCAL_CLIENT,
  openSocket,
  probeSocket,
  removeStale,
  socketPath,
} from "./unix_doors.ts";
import { PortablePlane } from "./portable_plane.ts";
import type { TlsDoors } from "./tls_doors.ts";
import { openTls } from "./tls_listener.ts";
import type { TlsPort } from "./tls_port.ts";

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
  readonly onSession: (record: SessionRecord) => void;
}

type Doors = ReadonlyMap<Route, readonly Deno.TcpListener[]>;

/** A front in this thread, with the runtime's own sockets. */
export class PortableFront implements Front {
  readonly kind = "portable";
  readonly ledger: Ledger;
  readonly #parts: PortableFrontParts;
  readonly #sessions: Sessions;
  #doors: Doors | null = null;
  #accepting: Promise<unknown> = Promise.resolve();
  #tls: TlsDoors | null = null;
  /** Where clients come in whose TLS has ended here. */
  readonly #inner: Deno.UnixListener[] = [];
  readonly #sockets: {
    readonly path: string;
    readonly listener: Deno.UnixListener;
  }[] = [];

  private constructor(parts: PortableFrontParts) {
    const { clock, limits } = parts;
    const plane = new PortablePlane({ clock, turnHoldMs: limits.turnHoldMs });
    this.#parts = parts;
    const routes = limits.doors.map(({ name }) => name);
    this.ledger = Ledger.alone(routes);
    const places = ServerPlaces.alone(routes, limits.places);
    const { ledger } = this;
    this.#sessions = new Sessions({ ...parts, ledger, places, plane });
  }

  /** @throws {ProxyStartError} If a port cannot be opened; none stays open. */
  static async open(parts: PortableFrontParts): Promise<PortableFront> {
    const front = new PortableFront(parts);
    await front.#openTls();
    try {
      return await front.#begin();
    } catch (error) {
      await front.close();
      throw error;
    }
  }

  async #begin(): Promise<PortableFront> {
    const { doorway } = this.#parts;
    // The runtime neither hands sockets on nor shares ports.
    if (doorway.isTakeOver) {
      // What cannot be had then would end the predecessor for nothing.
      this.#probeAddresses();
      for (const one of this.#wantedSockets()) {
        await probeSocket(one.path, one);
      }
      return this;
    }
    this.#openDoors();
    await this.#openSockets();
    return this;
  }

  get ports(): PerDoor<number> {
    const { doors } = this.#parts.doorway;
    const portOf = (name: string): number =>
      this.#doors?.get(name)?.[0]?.addr.port ??
        doors.find((door) => door.name === name)?.port ?? 0;
    return perDoor(doors.map(({ name }) => name), portOf);
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
    await this.#openSockets();
  }

  shareDoors(): void {
    // There is no way; they are closed for the successor.
  }

  setTable(table: FrontTable): void {
    this.#sessions.setTable(table);
  }

  closeDoors(): void {
    for (const doors of this.#doors?.values() ?? []) {
      for (const door of doors) closePort(door);
    }
    for (const { listener } of this.#sockets) closePort(listener);
  }

  async settled(): Promise<void> {
    await this.#accepting;
    await this.#tls?.settled();
    await this.#sessions.settled();
  }

  async close(): Promise<void> {
    this.closeDoors();
    this.#sessions.endAll();
    await this.#tls?.close();
    for (const listener of this.#inner) closePort(listener);
    await this.settled();
    // A successor may listen there.
    for (const { path } of this.#sockets) await removeStale(path);
  }

  /** @throws {ProxyStartError} If an address is not one of this host. */
  #probeAddresses(): void {
    const { listen, doors } = this.#parts.doorway;
    const [door] = doors;
    if (door === undefined) return;
    const uses = listen.map((hostname) => ({ ...door, hostname }));
    // The port itself is still the predecessor's.
    const open = (host: string): Deno.TcpListener => listenTcp(host, 0);
    for (const one of openPorts(uses, open)) closePort(one);
  }

  /** What unix sockets there are to be. */
  #wantedSockets() {
    const { doors, isTakeOver, sockets } = this.#parts.doorway;
    if (sockets === null) return [];
    const { mode } = sockets;
    const open = (path: string) => Deno.listen({ transport: "unix", path });
    return doors.filter(({ isTls }) => !isTls).map(({ name: route }) => {
      const path = socketPath(sockets, this.ports[route] ?? 0);
      return { path, route, isTakeOver, mode, open };
    });
  }

  /** @throws {ProxyStartError} If one cannot be opened. */
  async #openSockets(): Promise<void> {
    for (const { path, route, ...terms } of this.#wantedSockets()) {
      const listener = await openSocket(path, terms);
      this.#sockets.push({ path, listener });
      const accepting = acceptAll(listener, {
        ...this.#parts,
        onClient: (client) => {
          const address = (): string => LOCAL_CLIENT;
          this.#sessions.admit({ route, client, address, ends: () => null });
        },
      });
      this.#accepting = Promise.all([this.#accepting, accepting]);
    }
  }

  #openDoors(): void {
    const { listen, doors } = this.#parts.doorway;
    const uses = ({ setting, port }: DoorSpec) =>
      listen.map((hostname) => ({ setting, hostname, port }));
    const { tuning } = this.#parts;
    const open = (host: string, port: number): Deno.TcpListener => {
      const from = tuning?.lowestFree() ?? -1;
      const listener = listenTcp(host, port);
      tuning?.tune(from, listener.addr);
      return listener;
    };
    const opened = new Map<Route, readonly Deno.TcpListener[]>();
    try {
      for (const door of doors) {
        if (door.isTls && this.#tlsPortOf(door.name) === undefined) continue;
        opened.set(door.name, openPorts(uses(door), open));
      }
    } catch (error) {
      for (const door of [...opened.values()].flat()) closePort(door);
      throw error;
    }
    this.#doors = opened;
    this.#accepting = Promise.all(
      [...opened].flatMap(([route, listeners]) =>
        listeners.map((listener) => this.#accept(route, listener))
      ),
    );
  }

  #tlsPortOf(route: Route): TlsPort | undefined {
    const { tlsPorts } = this.#parts.doorway;
    return tlsPorts.find(({ door }) => door === route);
  }

  /** @throws {ProxyStartError} If a certificate cannot be used. */
  async #openTls(): Promise<void> {
    const tls = await openTls({ ...this.#parts, ledger: this.ledger });
    if (tls === null) return;
    this.#tls = tls;
    for (const { name: route, isTls } of this.#parts.doorway.doors) {
      if (!isTls) continue;
      const path = tls.innerPath(route);
      const listener = Deno.listen({ transport: "unix", path });
      this.#inner.push(listener);
      acceptAll(listener, {
        ...this.#parts,
        onClient: (client) => {
          const address = (): string => LOCAL_CLIENT;
          this.#sessions.admit({ route, client, address, ends: () => null });
        },
      });
    }
  }

  #accept(route: Route, door: Deno.TcpListener): Promise<void> {
    return acceptAll(door, {
      ...this.#parts,
      onClient: (client) => {
        tune(client);
        const port = this.#tlsPortOf(route);
        if (port !== undefined) {
          return this.#tls?.admit(port, { client, ends: endsOf(client) });
        }
        const address = (): string => client.remoteAddr.hostname;
        const ends = () => endsOf(client);
        this.#sessions.admit({ route, client, address, ends });
      },
    });
  }
}

function endsOf({ localAddr, remoteAddr }: Deno.TcpConn): ConnectionEnds {
  const end = ({ hostname, port }: Deno.NetAddr): EndPoint => ({
    address: hostname.replace(/^::ffff:/i, ""),
    port,
  });
  return { source: end(remoteAddr), destination: end(localAddr) };
}
