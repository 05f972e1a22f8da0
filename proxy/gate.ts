/**
 * One door for clients: which backends it leads to now, who is inside, who
 * waits. When the routing table changes it cuts the sessions whose backend may
 * no longer be used and lets the waiting look again.
 */
import {
  isSingle,
  type PortRoutes,
  portRoutes,
  traitsOf,
} from "../lib/core/calc/host/port_routes.ts";
import {
  type Backend,
  backendKey,
  type Routes,
} from "../lib/core/model/routes.ts";
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import type { Dialer } from "./dial.ts";
import { Balancer, type Choice } from "./balance.ts";
import type { DoorSpec, Route } from "./doors.ts";
import { HoldQueue } from "./hold.ts";
import type { Ledger } from "./ledger.ts";
import { Outages } from "./outages.ts";
import type { Ticket } from "./line_order.ts";
import type { ServerPlaces } from "./server_places.ts";
import { WaitingLine } from "./waiting_line.ts";

/** A client inside the gate. */
export interface GateSession {
  /** Its backend may no longer be used: cut, or look for another one. */
  reroute(): void;
  /** Its backend is being drained: its turns are held back. */
  holdTurns(): void;
  /** Its backend is not being drained any more. */
  freeTurns(): void;
  /** The proxy ends. */
  end(): void;
}

/** What a gate is made of. */
interface GateParts {
  readonly door: DoorSpec;
  readonly clock: Clock;
  readonly log: Log;
  readonly ledger: Ledger;
  readonly places: ServerPlaces;
  /** For trials of backends that could not be reached. */
  readonly dialer: Dialer;
  readonly connectTimeoutMs: number;
}

/** A backend that new clients may get, and its place in the ledger. */
interface OpenBackend extends Choice {
  readonly backend: Backend;
  readonly slot: number;
}

/** Who wants a backend. */
interface SeatRequest {
  /** See `sourceOf`. */
  readonly source: string;
  /** Null: it has not waited for a place yet. */
  readonly ticket: Ticket | null;
  /** It waits for no place, and is not held up by those who do. */
  readonly isUrgent: boolean;
}

/** Backends in the order of preference: a later tier only if nothing is left of the earlier. */
type Tiers = readonly (readonly OpenBackend[])[];

/** The backends, the sessions and the waiting clients of one door. */
export class Gate {
  readonly route: Route;
  /** Whether all sessions are on one instance. */
  readonly isSingle: boolean;
  /** See {@link DoorSpec}. */
  readonly isServerTls: boolean;
  readonly hold: HoldQueue;
  /** Who waits for a place on a server. */
  readonly line: WaitingLine;
  readonly #ledger: Ledger;
  readonly #places: ServerPlaces;
  readonly #outages: Outages;
  readonly #balancer: Balancer;
  readonly #door: DoorSpec;
  /** Each client, with its backend once it has one (or dials it). */
  readonly #sessions = new Map<GateSession, Backend | null>();
  /** Where sessions have places, if places are limited. */
  readonly #held = new Map<GateSession, number>();
  #tiers: Tiers = [];
  #resting: readonly Backend[] = [];
  /** The leader of a standby cluster, whichever door this is. */
  #standbyLeader: Backend | null = null;
  /** Keys of backends that are about to be stopped as planned. */
  #drained: ReadonlySet<string> = new Set();

  constructor(parts: GateParts) {
    this.route = parts.door.name;
    this.#door = parts.door;
    this.isSingle = isSingle(parts.door.rule);
    this.isServerTls = parts.door.isServerTls === true;
    this.#balancer = new Balancer(parts.door.balance);
    this.hold = new HoldQueue(parts.clock);
    this.#ledger = parts.ledger;
    this.#places = parts.places;
    this.line = new WaitingLine({ ...parts, route: this.route });
    this.#outages = new Outages({
      ...parts,
      route: this.route,
      hasOthers: () => this.#openTier((one) => this.#isReachable(one)) !== null,
      onBack: () => {
        this.#places.wake();
        this.hold.release();
      },
    });
  }

  /** Backends that hear of a cancel request: all that may have sessions. */
  get reachable(): readonly Backend[] {
    return [...this.#open, ...this.#resting];
  }

  /** The sealed instance of this host, while new clients may go there. */
  get sealed(): Backend | null {
    const open = this.isSingle
      ? this.#open
      : [...this.reachable, ...[this.#standbyLeader].flatMap((b) => b ?? [])];
    return open.find(({ via }) => via === "loopback") ?? null;
  }

  enter(session: GateSession): void {
    this.#sessions.set(session, null);
    this.#ledger.addInside(this.route, 1);
  }

  leave(session: GateSession): void {
    this.assign(session, null);
    if (!this.#sessions.delete(session)) return;
    this.#ledger.addInside(this.route, -1);
  }

  /** Notes which backend a client is on, also if it has no place left; null for none. */
  assign(session: GateSession, backend: Backend | null): void {
    this.#note(session, backend);
    const held = this.#held.get(session);
    this.#held.delete(session);
    if (backend !== null && this.#places.isOn) {
      const server = this.#serverOf(backend);
      this.#places.takeAnyway(server);
      this.#held.set(session, server);
    }
    if (held !== undefined) this.#places.give(held);
  }

  /**
   * Gives a session the backend that the door's balance chooses, and a place
   * there. One that another thread could not reach is only better than none.
   *
   * @returns null if there is none that can be reached as far as is known here;
   *   "full" if there is, and the session has to wait for a place.
   */
  seat(session: GateSession, request: SeatRequest): Backend | "full" | null {
    const { isUrgent, source, ticket } = request;
    const open = this.#openTier((one) => this.#isReachable(one)) ??
      this.#openTier(({ key }) => !this.#outages.has(key));
    if (open === null) return null;
    const isLimited = this.#places.isOn && !isUrgent;
    if (isLimited && !this.line.isNext(ticket)) return "full";
    const { sums } = this.#ledger;
    const sessionsOf = ({ slot }: OpenBackend) => sums.sessionsOn(slot);
    for (let left = open;;) {
      const chosen = this.#balancer.choose(left, { sessionsOf, source });
      if (chosen === null) return "full";
      const { backend } = chosen;
      if (!isLimited || this.#take(session, backend)) {
        this.#note(session, backend);
        return backend;
      }
      left = left.filter((one) => one !== chosen);
    }
  }

  /** A client could not reach the backend: the next ones are led elsewhere. */
  noteFailure(backend: Backend, detail: string): void {
    const key = backendKey(backend);
    const isOpen = this.reachable.some((one) => backendKey(one) === key);
    if (isOpen) this.#outages.begin(backend, detail);
  }

  /** Whether a backend is about to be stopped as planned. */
  isDrained(backend: Backend): boolean {
    return this.#drained.has(backendKey(backend));
  }

  /** Takes over a routing table. */
  update(routes: Routes): void {
    const way = portRoutes(routes, this.#door.rule);
    this.#tiers = way.tiers.map((tier) =>
      tier.map((one) => this.#opened(one, routes))
    );
    this.#resting = way.resting;
    const { leaderReads } = routes;
    this.#standbyLeader = leaderReads?.isStandby ? leaderReads.backend : null;
    const usable = new Set(this.reachable.map(backendKey));
    this.#cutAllBut(usable);
    this.#outages.keepOnly(usable);
    this.#setDrained(way);
    if (this.#tiers.every((tier) => tier.length === 0)) return;
    this.#places.look();
    this.hold.release();
  }

  /** Ends every session. */
  endAll(): void {
    this.#outages.keepOnly(new Set());
    for (const session of [...this.#sessions.keys()]) session.end();
  }

  #cutAllBut(usable: ReadonlySet<string>): void {
    for (const [session, backend] of [...this.#sessions]) {
      if (backend === null || usable.has(backendKey(backend))) continue;
      session.reroute();
    }
  }

  #setDrained({ drained }: PortRoutes): void {
    if (drained.length === 0 && this.#drained.size === 0) return;
    this.#drained = new Set(drained.map(backendKey));
    for (const [session, backend] of this.#sessions) {
      if (backend === null) continue;
      if (this.isDrained(backend)) session.holdTurns();
      else session.freeTurns();
    }
  }

  get #open(): readonly Backend[] {
    return this.#tiers.flatMap((tier) => tier.map(({ backend }) => backend));
  }

  #opened(backend: Backend, routes: Routes): OpenBackend {
    const { weight } = traitsOf(routes, backend.name);
    const slot = this.#slotOf(backend);
    return {
      backend,
      key: backendKey(backend),
      slot,
      // The one that is left serves, whatever its share.
      weight: Math.max(1, weight),
    };
  }

  #isReachable({ key, slot }: OpenBackend): boolean {
    return !this.#outages.has(key) && !this.#ledger.sums.isFailing(slot);
  }

  /** The first tier that has any of those, with those; null: none has. */
  #openTier(
    isOpen: (one: OpenBackend) => boolean,
  ): readonly OpenBackend[] | null {
    for (const tier of this.#tiers) {
      const open = tier.every(isOpen) ? tier : tier.filter(isOpen);
      if (open.length > 0) return open;
    }
    return null;
  }

  /** A place on a backend, if it has one left. */
  #take(session: GateSession, backend: Backend): boolean {
    const server = this.#serverOf(backend);
    if (!this.#places.take(server)) return false;
    this.#held.set(session, server);
    return true;
  }

  #note(session: GateSession, backend: Backend | null): void {
    const before = this.#sessions.get(session) ?? null;
    if (before !== null) this.#add(before, -1);
    if (backend !== null) this.#add(backend, 1);
    this.#sessions.set(session, backend);
  }

  #add(backend: Backend, change: 1 | -1): void {
    this.#ledger.addTo(this.#slotOf(backend), "sessions", change);
  }

  #serverOf(backend: Backend): number {
    return this.#ledger.book.serverOf(this.route, backend);
  }

  #slotOf(backend: Backend): number {
    return this.#ledger.book.slotOf(this.route, backend);
  }
}
