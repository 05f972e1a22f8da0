/**
 * Everything behind the doors of one thread: admits clients within the limits,
 * runs their sessions, refuses the rest.
 */
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import { type ByteStream, closeQuietly } from "./byte_stream.ts";
import type { DataPlane } from "./data_plane.ts";
import { TELLINGS_MAX } from "./descriptors.ts";
import type { Dialer } from "./dial.ts";
import type { FrontLimits, FrontTable } from "./front.ts";
import { Gate } from "./gate.ts";
import { HopDialer } from "./hop.ts";
import { type Ledger, type Route, ROUTES } from "./ledger.ts";
import { Networks } from "./networks.ts";
import { OpeningLimit, sourceOf } from "./opening_limit.ts";
import { Places } from "./places.ts";
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

/** What it is made of. */
interface SessionsParts {
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
  /** Its address, without port. */
  readonly address: () => string;
}

/** Admits clients within the limits and runs their sessions. */
export class Sessions {
  readonly #parts: SessionsParts;
  readonly #gates: Readonly<Record<Route, Gate>>;
  readonly #world: SessionWorld;
  readonly #networks: Networks;
  readonly #openingLimits: Readonly<Record<Route, OpeningLimit>>;
  readonly #running = new Set<Promise<void>>();
  readonly #ending = new AbortController();
  #refusals = 0;
  #table: FrontTable | null = null;

  constructor(parts: SessionsParts) {
    this.#parts = parts;
    const { clock, limits } = parts;
    this.#networks = new Networks(limits.allow);
    const terms = {
      limitMs: limits.startupTimeoutMs,
      perSourceMax: limits.silentPerSourceMax,
    };
    this.#openingLimits = {
      primary: new OpeningLimit(clock, terms),
      replica: new OpeningLimit(clock, terms),
    };
    this.#gates = {
      primary: new Gate({ ...parts, route: "primary" }),
      replica: new Gate({ ...parts, route: "replica" }),
    };
    this.#world = {
      ...parts,
      ...parts.limits,
      openingLimits: this.#openingLimits,
      dialer: new HopDialer(parts.dialer, parts.clock),
      tellings: new Places(TELLINGS_MAX),
      noBackendText: (route) => this.#table?.refusals[route] ?? NOT_READY,
    };
  }

  setTable(table: FrontTable): void {
    this.#table = table;
    for (const route of ROUTES) this.#gates[route].update(table.routes);
  }

  /** Takes a client over, whatever comes of it. */
  admit({ route, client, address: addressOf }: Arrival): void {
    const { ledger } = this.#parts;
    ledger.count(route, "accepted");
    const address = addressOf();
    if (!this.#networks.isOpen && !this.#networks.includes(address)) {
      ledger.count(route, "denied");
      return closeQuietly(client);
    }
    if (!this.#hasRoom(route)) {
      ledger.count(route, "tooMany");
      return this.#refuse(client);
    }
    const arrived = { client, source: sourceOf(address) };
    this.#keep(new Session(arrived, this.#gates[route], this.#world).run());
  }

  /** Ends every session. */
  endAll(): void {
    this.#ending.abort();
    for (const route of ROUTES) {
      this.#openingLimits[route].close();
      this.#gates[route].endAll();
    }
  }

  /** Resolves when the sessions of now have ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Whether there is a place, or one could be made by ending a silent client. */
  #hasRoom(route: Route): boolean {
    const { ledger, limits } = this.#parts;
    const own = this.#openingLimits[route];
    const inside = ledger.sums.inside(route);
    if (inside >= limits.routeConnectionsMax[route]) return own.makeRoom();
    const other = route === "primary" ? "replica" : "primary";
    const isFull = inside + ledger.sums.inside(other) >= limits.connectionsMax;
    if (!isFull) return true;
    return own.makeRoom() || this.#openingLimits[other].makeRoom();
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
    this.#running.add(session);
    session.finally(() => this.#running.delete(session));
  }
}
