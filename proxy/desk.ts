/**
 * Everything behind the doors of one thread: admits clients within the limits,
 * runs their sessions, refuses the rest.
 */
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import type { ByteStream, DataPlane } from "./data_plane.ts";
import type { Dialer } from "./dial.ts";
import type { FrontLimits, FrontTable } from "./front.ts";
import { Gate } from "./gate.ts";
import { HopDialer } from "./hop.ts";
import { type Ledger, type Route, ROUTES } from "./ledger.ts";
import { Networks } from "./networks.ts";
import { OpeningLimit } from "./opening_limit.ts";
import { closeQuietly } from "./portable_plane.ts";
import { refuse } from "./refuse.ts";
import { Session, type SessionWorld } from "./session.ts";
import type { RefusalText } from "./startup.ts";

const TOO_MANY: RefusalText = {
  code: "53300",
  message: "sorry, too many clients already",
  detail: null,
};

const NOT_READY: RefusalText = {
  code: "57P03",
  message: "the proxy has no routes yet",
  detail: null,
};

/** What a desk is made of. */
export interface DeskParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly dialer: Dialer;
  readonly plane: DataPlane;
  readonly ledger: Ledger;
  readonly limits: FrontLimits;
}

/** A client at the door. */
export interface Arrival {
  readonly route: Route;
  readonly client: ByteStream;
  /** Its address, without port; asked for only if it matters. */
  readonly address: () => string;
}

/** See the head of this file. */
export class Desk {
  readonly #parts: DeskParts;
  readonly #gates: Readonly<Record<Route, Gate>>;
  readonly #world: SessionWorld;
  readonly #networks: Networks;
  readonly #openingLimit: OpeningLimit;
  readonly #sessions = new Set<Promise<void>>();
  readonly #ending = new AbortController();
  #refusals = 0;
  #table: FrontTable | null = null;

  constructor(parts: DeskParts) {
    this.#parts = parts;
    const { clock, limits } = parts;
    this.#networks = new Networks(limits.allow);
    this.#openingLimit = new OpeningLimit(clock, limits.startupTimeoutMs);
    this.#gates = {
      primary: new Gate({ ...parts, route: "primary" }),
      replica: new Gate({ ...parts, route: "replica" }),
    };
    this.#world = {
      ...parts,
      ...parts.limits,
      openingLimit: this.#openingLimit,
      dialer: new HopDialer(parts.dialer, parts.clock),
      noBackendText: (route) => this.#table?.refusals[route] ?? NOT_READY,
    };
  }

  setTable(table: FrontTable): void {
    this.#table = table;
    for (const route of ROUTES) this.#gates[route].update(table.routes);
  }

  /** Takes a client over, whatever comes of it. */
  admit({ route, client, address }: Arrival): void {
    const { ledger } = this.#parts;
    ledger.count(route, "accepted");
    if (!this.#networks.isOpen && !this.#networks.includes(address())) {
      ledger.count(route, "denied");
      return closeQuietly(client);
    }
    if (this.#isFull(route)) {
      ledger.count(route, "tooMany");
      return this.#refuse(client);
    }
    this.#keep(new Session(client, this.#gates[route], this.#world).run());
  }

  /** Ends every session. */
  endAll(): void {
    this.#ending.abort();
    this.#openingLimit.close();
    for (const route of ROUTES) this.#gates[route].endAll();
  }

  /** Resolves when the sessions of now have ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#sessions);
  }

  #isFull(route: Route): boolean {
    const { ledger, limits } = this.#parts;
    const inside = ledger.inside(route);
    if (inside >= limits.routeConnectionsMax[route]) return true;
    const other = ledger.inside(route === "primary" ? "replica" : "primary");
    return inside + other >= limits.connectionsMax;
  }

  #refuse(client: ByteStream): void {
    if (this.#refusals >= this.#parts.limits.refusalsMax) {
      return closeQuietly(client);
    }
    this.#refusals++;
    const onEnd = (): void => closeQuietly(client);
    const { signal } = this.#ending;
    signal.addEventListener("abort", onEnd, { once: true });
    this.#keep(
      refuse(client, TOO_MANY, this.#parts.clock).finally(() => {
        this.#refusals--;
        signal.removeEventListener("abort", onEnd);
      }),
    );
  }

  #keep(session: Promise<void>): void {
    this.#sessions.add(session);
    session.finally(() => this.#sessions.delete(session));
  }
}
