/**
 * One door for clients: which backends it leads to now, who is inside, who
 * waits. When the routing table changes it cuts the sessions whose backend may
 * no longer be used and lets the waiting look again.
 */
import {
  type Backend,
  backendKey,
  type Routes,
} from "../lib/core/calc/routing.ts";
import type { Clock } from "../lib/ports/clock.ts";
import { HoldQueue } from "./hold.ts";
import type { Route } from "./ledger.ts";

/** A client inside the gate. */
export interface GateSession {
  /** Its backend may no longer be used: cut, or look for another one. */
  reroute(): void;
  /** The proxy ends. */
  end(): void;
}

/** See the head of this file. */
export class Gate {
  readonly route: Route;
  readonly hold: HoldQueue;
  /** Each client, with its backend once it has one (or dials it). */
  readonly #sessions = new Map<GateSession, Backend | null>();
  readonly #counts = new Map<string, number>();
  #open: readonly Backend[] = [];
  #resting: readonly Backend[] = [];
  /** The backend that was picked last. */
  #lastKey: string | null = null;

  constructor(route: Route, clock: Clock) {
    this.route = route;
    this.hold = new HoldQueue(clock);
  }

  /** Clients inside, waiting ones included. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Clients inside that have no backend yet. */
  get held(): number {
    let assigned = 0;
    for (const count of this.#counts.values()) assigned += count;
    return this.#sessions.size - assigned;
  }

  /** Sessions on that backend now. */
  countOf(backend: Backend): number {
    return this.#counts.get(backendKey(backend)) ?? 0;
  }

  enter(session: GateSession): void {
    this.#sessions.set(session, null);
  }

  leave(session: GateSession): void {
    this.assign(session, null);
    this.#sessions.delete(session);
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
    const turn = this.#open.findIndex((b) => backendKey(b) === this.#lastKey);
    const inTurn = [
      ...this.#open.slice(turn + 1),
      ...this.#open.slice(0, turn + 1),
    ];
    let best: Backend | null = null;
    for (const backend of inTurn) {
      if (failed.has(backendKey(backend))) continue;
      if (best === null || this.countOf(backend) < this.countOf(best)) {
        best = backend;
      }
    }
    this.#lastKey = best === null ? null : backendKey(best);
    return best;
  }

  /** Takes over a routing table. */
  update(routes: Routes): void {
    this.#open = this.route === "replica"
      ? routes.replicas
      : routes.primary === null
      ? []
      : [routes.primary];
    this.#resting = this.route === "replica" ? routes.resting : [];
    const usable = new Set(
      [...this.#open, ...this.#resting].map(backendKey),
    );
    for (const [session, backend] of [...this.#sessions]) {
      if (backend === null || usable.has(backendKey(backend))) continue;
      session.reroute();
    }
    if (this.#open.length > 0) this.hold.release();
  }

  /** Ends every session. */
  endAll(): void {
    for (const session of [...this.#sessions.keys()]) session.end();
  }

  #add(backend: Backend, change: 1 | -1): void {
    const key = backendKey(backend);
    const count = (this.#counts.get(key) ?? 0) + change;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }
}
