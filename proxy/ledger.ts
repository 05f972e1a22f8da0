/**
 * Counts what happens in a proxy process: per route and per backend. All numbers
 * lie in one row of cells, which worker threads share: each writes only its own
 * section, everybody may add up all of them.
 */
import { type Backend, backendKey } from "../lib/core/calc/host/routing.ts";
import type { RelayMeter } from "./data_plane.ts";

/** One of the two doors for clients. */
export type Route = "primary" | "replica";

/** Both doors. */
export const ROUTES = ["primary", "replica"] as const;

const EVENTS = [
  "accepted",
  /** Got a backend. */
  "connected",
  /** Waited for a backend in vain: 57P03. */
  "holdTimeouts",
  /** Too many clients: 53300. */
  "tooMany",
  /** Went away while waiting. */
  "gone",
  /** Ended because the backend may no longer be used. */
  "cut",
  /** Opened with something that is not PostgreSQL's protocol. */
  "garbage",
  /** Did not finish its first packet in time. */
  "late",
  /** Was silent while others of its address, or all, needed the place. */
  "crowded",
  /** Came from a network that is not allowed. */
  "denied",
] as const;

/** Something that can happen to a client. */
export type RouteEvent = typeof EVENTS[number];

/** Totals of one route. */
export type RouteTotals = Readonly<Record<RouteEvent, number>>;

/** What is counted per backend; `sessions` is the number of now. */
export type BackendField =
  | "sessions"
  | "sessionsTotal"
  | "bytesSent"
  | "bytesReceived"
  | "dialFailures";

/** Totals of one backend on one route. */
export interface BackendTotals extends Readonly<Record<BackendField, number>> {
  readonly route: Route;
  readonly backend: Backend;
}

const FIELDS: readonly BackendField[] = [
  "sessions",
  "sessionsTotal",
  "bytesSent",
  "bytesReceived",
  "dialFailures",
];

/** Backends (per route) that get cells of their own; later ones share the last. */
const SLOTS_MAX = 256;
const ROUTE_CELLS = EVENTS.length + 1;
const SECTION_CELLS = ROUTES.length * ROUTE_CELLS + SLOTS_MAX * FIELDS.length;

/** Names the cells of backends; every thread must use the same names. */
export class SlotBook {
  readonly #slots = new Map<string, SlotEntry>();

  /** The slot of a backend, given out at its first use. */
  slotOf(route: Route, backend: Backend): number {
    const key = `${route} ${backendKey(backend)}`;
    const known = this.#slots.get(key);
    if (known !== undefined) return known.slot;
    const slot = Math.min(this.#slots.size, SLOTS_MAX - 1);
    this.#slots.set(key, { route, backend, slot });
    return slot;
  }

  /** All slots given out so far. */
  entries(): readonly SlotEntry[] {
    return [...this.#slots.values()];
  }

  /** Takes over what another thread's book has given out. */
  learn(entries: readonly SlotEntry[]): void {
    for (const entry of entries) {
      const { backend, route } = entry;
      this.#slots.set(`${route} ${backendKey(backend)}`, entry);
    }
  }
}

/** One slot and what it is for. */
export interface SlotEntry {
  readonly route: Route;
  readonly backend: Backend;
  readonly slot: number;
}

/** Room for the numbers of some sections, all 0. */
export function ledgerCells(sections: number): SharedArrayBuffer {
  const bytes = Float64Array.BYTES_PER_ELEMENT;
  return new SharedArrayBuffer(sections * SECTION_CELLS * bytes);
}

/** What a ledger is made of. */
interface LedgerParts {
  readonly cells: SharedArrayBuffer;
  /** The section to write to. */
  readonly section: number;
  readonly book: SlotBook;
}

/** The counters of a proxy process, shared by its threads; each counts in its own section. */
export class Ledger {
  readonly book: SlotBook;
  readonly sums: LedgerSums;
  readonly #cells: Float64Array;
  readonly #base: number;

  constructor(parts: LedgerParts) {
    this.book = parts.book;
    this.sums = new LedgerSums(parts.cells, parts.book);
    this.#cells = new Float64Array(parts.cells);
    this.#base = parts.section * SECTION_CELLS;
  }

  /** A ledger for a process with one thread. */
  static alone(): Ledger {
    const book = new SlotBook();
    return new Ledger({ cells: ledgerCells(1), section: 0, book });
  }

  count(route: Route, event: RouteEvent): void {
    this.#add(routeCell(route) + EVENTS.indexOf(event), 1);
  }

  /** A client came in (1) or went (-1). */
  addInside(route: Route, change: 1 | -1): void {
    this.#add(routeCell(route) + EVENTS.length, change);
  }

  addTo(slot: number, field: BackendField, change: number): void {
    this.#add(slotCell(slot, field), change);
  }

  /** Counts a session's bytes for its backend. */
  meterOf(slot: number): RelayMeter {
    const cells = this.#cells;
    const sent = this.#base + slotCell(slot, "bytesSent");
    const received = this.#base + slotCell(slot, "bytesReceived");
    const add = (index: number, bytes: number): void => {
      cells[index] = (cells[index] ?? 0) + bytes;
    };
    return {
      sent: (bytes) => add(sent, bytes),
      received: (bytes) => add(received, bytes),
    };
  }

  #add(cell: number, change: number): void {
    const index = this.#base + cell;
    this.#cells[index] = (this.#cells[index] ?? 0) + change;
  }
}

/** What all sections together say. */
export class LedgerSums {
  readonly #book: SlotBook;
  readonly #cells: Float64Array;

  constructor(cells: SharedArrayBuffer, book: SlotBook) {
    this.#book = book;
    this.#cells = new Float64Array(cells);
  }

  /** Totals of all sections. */
  totals(route: Route): RouteTotals {
    const first = routeCell(route);
    const sum = (event: RouteEvent): number =>
      this.#sum(first + EVENTS.indexOf(event));
    return {
      accepted: sum("accepted"),
      connected: sum("connected"),
      holdTimeouts: sum("holdTimeouts"),
      tooMany: sum("tooMany"),
      gone: sum("gone"),
      cut: sum("cut"),
      garbage: sum("garbage"),
      late: sum("late"),
      crowded: sum("crowded"),
      denied: sum("denied"),
    };
  }

  /** Clients inside now, waiting ones included, of all sections. */
  inside(route: Route): number {
    return this.#sum(routeCell(route) + EVENTS.length);
  }

  /** Clients of one section. */
  loadOf(section: number): number {
    return ROUTES.reduce((sum, route) => {
      const cell = routeCell(route) + EVENTS.length;
      return sum + (this.#cells[section * SECTION_CELLS + cell] ?? 0);
    }, 0);
  }

  /** Sessions on a backend now, of all sections. */
  sessionsOn(slot: number): number {
    return this.#sum(slotCell(slot, "sessions"));
  }

  /** All backends that were ever named. */
  backends(): readonly BackendTotals[] {
    return this.#book.entries().map(({ route, backend, slot }) => ({
      route,
      backend,
      sessions: this.#sum(slotCell(slot, "sessions")),
      sessionsTotal: this.#sum(slotCell(slot, "sessionsTotal")),
      bytesSent: this.#sum(slotCell(slot, "bytesSent")),
      bytesReceived: this.#sum(slotCell(slot, "bytesReceived")),
      dialFailures: this.#sum(slotCell(slot, "dialFailures")),
    }));
  }

  #sum(cell: number): number {
    let sum = 0;
    for (let at = cell; at < this.#cells.length; at += SECTION_CELLS) {
      sum += this.#cells[at] ?? 0;
    }
    return sum;
  }
}

function routeCell(route: Route): number {
  return ROUTES.indexOf(route) * ROUTE_CELLS;
}

function slotCell(slot: number, field: BackendField): number {
  return ROUTES.length * ROUTE_CELLS + slot * FIELDS.length +
    FIELDS.indexOf(field);
}
