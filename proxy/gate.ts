/**
 * One door for clients: which backends it leads to now, who is inside, who
 * waits. When the routing table changes it cuts the sessions whose backend may
 * no longer be used and lets the waiting look again.
 */
import {
  type Backend,
  backendKey,
  drainedBackends,
  type Routes,
} from "../lib/core/calc/host/routing.ts";
import type { Clock } from "../lib/ports/clock.ts";
import { HoldQueue } from "./hold.ts";
import type { Ledger, Route } from "./ledger.ts";

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
  readonly route: Route;
  readonly clock: Clock;
  readonly ledger: Ledger;
}

/** Backends in the order of preference: a later tier only if nothing is left of the earlier. */
type Tiers = readonly (readonly Backend[])[];

/** The backends, the sessions and the waiting clients of one door. */
export class Gate {
  readonly route: Route;
  readonly hold: HoldQueue;
  readonly #ledger: Ledger;
  /** Each client, with its backend once it has one (or dials it). */
  readonly #sessions = new Map<GateSession, Backend | null>();
  #tiers: Tiers = [];
  /** The backend that was picked last. */
  #lastKey: string | null = null;
  #resting: readonly Backend[] = [];
  /** Keys of backends that are about to be stopped as planned. */
  #drained: ReadonlySet<string> = new Set();

  constructor(parts: GateParts) {
    this.route = parts.route;
    this.hold = new HoldQueue(parts.clock);
    this.#ledger = parts.ledger;
  }

  /** Backends that hear of a cancel request: all that may have sessions. */
  get reachable(): readonly Backend[] {
    return [...this.#tiers.flat(), ...this.#resting];
  }

  /** The sealed instance of this host, while new clients may go there. */
  get sealed(): Backend | null {
    const isPrimary = this.route === "primary";
    const open = isPrimary ? this.#tiers.flat() : this.reachable;
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

  /** Notes which backend a client is on, null for none. */
  assign(session: GateSession, backend: Backend | null): void {
    const before = this.#sessions.get(session) ?? null;
    if (before !== null) this.#add(before, -1);
    if (backend !== null) this.#add(backend, 1);
    this.#sessions.set(session, backend);
  }

  /**
   * The backend with the fewest sessions for a new one. Equal ones take turns,
   * so that short sessions are spread too.
   *
   * @param failed Keys of backends that the client has just failed to reach.
   * @returns null if there is none.
   */
  pick(failed: ReadonlySet<string>): Backend | null {
    for (const tier of this.#tiers) {
      const open = failed.size === 0
        ? tier
        : tier.filter((backend) => !failed.has(backendKey(backend)));
      if (open.length > 0) return this.#leastBusy(open);
    }
    return null;
  }

  /** Whether a backend is about to be stopped as planned. */
  isDrained(backend: Backend): boolean {
    return this.#drained.has(backendKey(backend));
  }

  /** Takes over a routing table. */
  update(routes: Routes): void {
    const { primary, primaryResting, replicas, spares } = routes;
    const isPrimary = this.route === "primary";
    this.#tiers = !isPrimary
      ? [replicas, ...spares]
      : primary === null
      ? []
      : [[primary]];
    this.#resting = !isPrimary
      ? routes.resting
      : primaryResting === null
      ? []
      : [primaryResting];
    this.#cutAllBut(new Set(this.reachable.map(backendKey)));
    this.#setDrained(drainedBackends(routes, this.route));
    if (this.#tiers.some((tier) => tier.length > 0)) this.hold.release();
  }

  /** Ends every session. */
  endAll(): void {
    for (const session of [...this.#sessions.keys()]) session.end();
  }

  #cutAllBut(usable: ReadonlySet<string>): void {
    for (const [session, backend] of [...this.#sessions]) {
      if (backend === null || usable.has(backendKey(backend))) continue;
      session.reroute();
    }
  }

  #setDrained(drained: readonly Backend[]): void {
    if (drained.length === 0 && this.#drained.size === 0) return;
    this.#drained = new Set(drained.map(backendKey));
    for (const [session, backend] of this.#sessions) {
      if (backend === null) continue;
      if (this.isDrained(backend)) session.holdTurns();
      else session.freeTurns();
    }
  }

  #leastBusy(open: readonly Backend[]): Backend | null {
    const turn = open.findIndex((b) => backendKey(b) === this.#lastKey) + 1;
    let best: Backend | null = null;
    let fewest = Infinity;
    for (const backend of [...open.slice(turn), ...open.slice(0, turn)]) {
      const count = this.#ledger.sums.sessionsOn(this.#slotOf(backend));
      if (count < fewest) [best, fewest] = [backend, count];
    }
    this.#lastKey = best === null ? null : backendKey(best);
    return best;
  }

  #add(backend: Backend, change: 1 | -1): void {
    this.#ledger.addTo(this.#slotOf(backend), "sessions", change);
  }

  #slotOf(backend: Backend): number {
    return this.#ledger.book.slotOf(this.route, backend);
  }
}
