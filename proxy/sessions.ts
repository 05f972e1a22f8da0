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
import { IdleWatch } from "./idle_watch.ts";
import { RateLimit } from "./rate_limit.ts";
import type { SessionRecord } from "./session_record.ts";
import { HopDialer } from "./hop.ts";
import type { DoorSpec, Route } from "./doors.ts";
import type { Ledger } from "./ledger.ts";
import { Networks } from "./networks.ts";
import { EarlyReader } from "./early_reader.ts";
import type { ConnectionEnds } from "./proxy_header.ts";
import { type OpeningEnd, OpeningLimit, sourceOf } from "./opening_limit.ts";
import { Places } from "./places.ts";
import { refuse } from "./refuse.ts";
import type { ServerPlaces } from "./server_places.ts";
import { Session, type SessionWorld } from "./session.ts";
import { LOCAL_CLIENT } from "./unix_doors.ts";
import type { RefusalText } from "./startup.ts";

const TOO_MANY: RefusalText = {
  code: "53300",
  message: "sorry, too many clients already",
  detail: null,
};

const TOO_FAST: RefusalText = {
  code: "53300",
  message: "too many new connections from this address",
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
  readonly places: ServerPlaces;
  readonly limits: FrontLimits;
  /** Hears of each session that has ended, if the limits want it. Must not throw. */
  readonly onSession: (record: SessionRecord) => void;
}

/** A client at the door. */
export interface Arrival {
  readonly route: Route;
  readonly client: ByteStream;
  /** Its address, without port. */
  readonly address: () => string;
  /** Both ends of its connection; null: it is gone. */
  readonly ends: () => ConnectionEnds | null;
}

/** What stands behind one door. */
interface Door {
  readonly spec: DoorSpec;
  readonly gate: Gate;
  readonly openingLimit: OpeningLimit;
}

/** A client, and who it is. */
type Known = Omit<Arrival, "route" | "address"> & { readonly address: string };

/** Admits clients within the limits and runs their sessions. */
export class Sessions {
  readonly #parts: SessionsParts;
  readonly #doors: ReadonlyMap<Route, Door>;
  readonly #world: SessionWorld;
  readonly #networks: Networks;
  /** Load balancers that say whose client it is. */
  readonly #balancers: Networks;
  readonly #rate: RateLimit;
  readonly #running = new Set<Promise<void>>();
  readonly #ending = new AbortController();
  #refusals = 0;
  #table: FrontTable | null = null;

  constructor(parts: SessionsParts) {
    this.#parts = parts;
    const { clock, limits } = parts;
    this.#networks = new Networks(limits.allow);
    this.#balancers = new Networks(limits.acceptProxyFrom);
    this.#rate = new RateLimit(clock, limits.newPerSourceMax);
    const terms = {
      limitMs: limits.startupTimeoutMs,
      perSourceMax: limits.silentPerSourceMax,
    };
    const dialer = new HopDialer(parts.dialer, clock);
    const { connectTimeoutMs } = limits;
    this.#doors = new Map(limits.doors.map((spec) => [spec.name, {
      spec,
      gate: new Gate({ ...parts, door: spec, dialer, connectTimeoutMs }),
      openingLimit: new OpeningLimit(clock, terms),
    }]));
    this.#world = {
      ...parts,
      ...parts.limits,
      openingLimits: new Map(
        [...this.#doors].map((
          [name, { openingLimit }],
        ) => [name, openingLimit]),
      ),
      dialer,
      idle: new IdleWatch(clock, limits),
      onSession: limits.areSessionsLogged ? parts.onSession : null,
      tellings: new Places(TELLINGS_MAX),
      noBackendText: (route) => this.#table?.refusals[route] ?? NOT_READY,
    };
  }

  setTable(table: FrontTable): void {
    this.#table = table;
    for (const { gate } of this.#doors.values()) gate.update(table.routes);
  }

  /** Takes a client over, whatever comes of it. */
  admit({ route, client, address: addressOf, ends }: Arrival): void {
    const { ledger } = this.#parts;
    const door = this.#doors.get(route);
    if (door === undefined) return closeQuietly(client);
    ledger.count(route, "accepted");
    const address = addressOf();
    const isBalancers = door.spec.isTls === true ||
      !this.#balancers.isOpen && this.#balancers.includes(address);
    if (!isBalancers) return this.#take(door, { client, address, ends });
    this.#keep(this.#introduce(door, { client, address, ends }));
  }

  /** Of a balancer's client: first who it is, then all else. Never rejects. */
  async #introduce(door: Door, arrived: Known): Promise<void> {
    const { ledger } = this.#parts;
    const reader = new EarlyReader(arrived.client);
    const onEnd = (): void => closeQuietly(reader);
    const { signal } = this.#ending;
    signal.addEventListener("abort", onEnd, { once: true });
    let over: OpeningEnd | null = null;
    const source = sourceOf(arrived.address);
    // Control, which has ended the client's TLS, speaks at once.
    const wait = door.spec.isTls === true
      ? null
      : door.openingLimit.begin(source, (end) => {
        over = end;
        onEnd();
      });
    const header = await reader.header();
    if (wait !== null) door.openingLimit.end(wait);
    signal.removeEventListener("abort", onEnd);
    if (header === null || signal.aborted) {
      ledger.count(door.spec.name, over ?? "garbage");
      return closeQuietly(reader);
    }
    const { ends } = header;
    const named = ends === null
      ? { address: arrived.address, ends: arrived.ends }
      : { address: ends.source.address, ends: () => ends };
    this.#take(door, { client: reader, ...named });
  }

  #take(door: Door, { client, address, ends }: Known): void {
    const { ledger } = this.#parts;
    const route = door.spec.name;
    // Who may use a unix socket is said by its permissions.
    const isAllowed = this.#networks.isOpen || address === LOCAL_CLIENT ||
      this.#networks.includes(address);
    if (!isAllowed) {
      ledger.count(route, "denied");
      return closeQuietly(client);
    }
    const source = sourceOf(address);
    if (this.#rate.isOn && !this.#rate.take(source)) {
      ledger.count(route, "throttled");
      return this.#refuse(client, TOO_FAST);
    }
    if (!this.#hasRoom(door)) {
      ledger.count(route, "tooMany");
      return this.#refuse(client, TOO_MANY);
    }
    const arrived = { client, address, source, ends };
    this.#keep(new Session(arrived, door.gate, this.#world).run());
  }

  /** Ends every session. */
  endAll(): void {
    this.#ending.abort();
    this.#world.idle.close();
    for (const { gate, openingLimit } of this.#doors.values()) {
      openingLimit.close();
      gate.endAll();
    }
  }

  /** Resolves when the sessions of now have ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Whether there is a place, or one could be made by ending a silent client. */
  #hasRoom({ openingLimit: own, spec }: Door): boolean {
    const { ledger: { sums }, limits } = this.#parts;
    if (sums.inside(spec.name) >= spec.connectionsMax) return own.makeRoom();
    if (sums.insideAll() < limits.connectionsMax) return true;
    if (own.makeRoom()) return true;
    for (const { openingLimit } of this.#doors.values()) {
      if (openingLimit !== own && openingLimit.makeRoom()) return true;
    }
    return false;
  }

  #refuse(client: ByteStream, text: RefusalText): void {
    if (this.#refusals >= this.#parts.limits.refusalsMax) {
      return closeQuietly(client);
    }
    this.#refusals++;
    const onEnd = (): void => closeQuietly(client);
    const { signal } = this.#ending;
    signal.addEventListener("abort", onEnd, { once: true });
    this.#keep(
      refuse(client, text, this.#parts.clock).finally(() => {
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
