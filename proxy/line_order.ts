/**
 * Who is next in the line of each door. The numbers lie in cells that worker
 * threads share, and are changed as the processor does it in one go, so clients
 * are served in the order in which they came, whichever thread they are in.
 */
import type { Route } from "./doors.ts";

/** A client's number in the line of its door; not 0. Later ones are larger, until they begin anew. */
export type Ticket = number;

/** What it is made of. */
interface OrderParts {
  /** Cells of {@link lineCells}, all threads' the same. */
  readonly cells: Int32Array;
  /** Number of this thread. */
  readonly section: number;
  /** The doors, in the same order for all threads. */
  readonly routes: readonly Route[];
  /** Clients of one door that may wait. */
  readonly lineMax: number;
}

/** Per door: the ticket that was given out last, and how many wait. */
const LAST_TICKET = 0;
const WAITING = 1;
const ROUTE_CELLS = 2;
const NOBODY = 0;

/** How many cells some threads need. */
export function lineCells(threads: number, routes: readonly Route[]): number {
  return routes.length * (ROUTE_CELLS + threads);
}

/** The order in the lines of all doors and threads. */
export class LineOrder {
  readonly #parts: OrderParts;
  readonly #cells: Int32Array;

  constructor(parts: OrderParts) {
    this.#parts = parts;
    this.#cells = parts.cells;
  }

  /** A newcomer joins the line: its ticket; null: too many wait already. */
  draw(route: Route): Ticket | null {
    const at = this.#routeCell(route);
    const before = Atomics.add(this.#cells, at + WAITING, 1);
    if (before >= this.#parts.lineMax) {
      Atomics.sub(this.#cells, at + WAITING, 1);
      return null;
    }
    let ticket: Ticket;
    do {
      ticket = Atomics.add(this.#cells, at + LAST_TICKET, 1) + 1 | 0;
    } while (ticket === NOBODY);
    return ticket;
  }

  /** Somebody who has a ticket joins the line again, however long it is. */
  enter(route: Route): void {
    Atomics.add(this.#cells, this.#routeCell(route) + WAITING, 1);
  }

  /** Somebody left the line. */
  leave(route: Route): void {
    Atomics.sub(this.#cells, this.#routeCell(route) + WAITING, 1);
  }

  /** Says who is first in this thread's part of a line; null: nobody waits here. */
  showHead(route: Route, head: Ticket | null): void {
    const cell = this.#headCell(route, this.#parts.section);
    Atomics.store(this.#cells, cell, head ?? NOBODY);
  }

  /** Whether nobody came before the holder of a ticket; null: of a newcomer. */
  isNext(route: Route, ticket: Ticket | null): boolean {
    for (let thread = 0; thread < this.#threads; thread++) {
      const head = Atomics.load(this.#cells, this.#headCell(route, thread));
      if (head === NOBODY) continue;
      if (ticket === null || isOlder(head, ticket)) return false;
    }
    return true;
  }

  /** Whether somebody waits in another thread. */
  get isElsewhere(): boolean {
    const { routes, section } = this.#parts;
    for (let thread = 0; thread < this.#threads; thread++) {
      if (thread === section) continue;
      for (const route of routes) {
        const cell = this.#headCell(route, thread);
        if (Atomics.load(this.#cells, cell) !== NOBODY) return true;
      }
    }
    return false;
  }

  get #threads(): number {
    const { routes } = this.#parts;
    return this.#cells.length / Math.max(1, routes.length) - ROUTE_CELLS;
  }

  #routeCell(route: Route): number {
    return this.#parts.routes.indexOf(route) * ROUTE_CELLS;
  }

  #headCell(route: Route, thread: number): number {
    const { routes } = this.#parts;
    return routes.length * (ROUTE_CELLS + thread) + routes.indexOf(route);
  }
}

/**
 * Whether one ticket was drawn before another; they begin anew after 2^32.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(isOlder(1, 2), true);
 * assert.equal(isOlder(-(2 ** 31), 2 ** 31 - 1), false);
 * ```
 */
export function isOlder(one: Ticket, other: Ticket): boolean {
  return (one - other | 0) < 0;
}
