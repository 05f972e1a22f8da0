/** What the ledger counts, and where in a section of its cells each number lies. */
import type { Backend } from "../lib/core/model/routes.ts";
import type { Route } from "./doors.ts";
import { SLOTS_MAX } from "./slot_book.ts";
import { TIMING_CELLS } from "./timings.ts";

const EVENTS = [
  "accepted",
  /** Got a backend. */
  "connected",
  /** Had to wait for a backend. */
  "waited",
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
  /** Nothing moved for longer than allowed. */
  "idle",
  /** Its source began too many sessions in a short time. */
  "throttled",
  /** Had to wait for a place on a server. */
  "queued",
  /** Waited for a place in vain: 53300. */
  "queueTimeouts",
  /** Too many waited for a place already: 53300. */
  "queueFull",
] as const;

/** Something that can happen to a client. */
export type RouteEvent = typeof EVENTS[number];

/** Totals of one route. */
export type RouteTotals = Readonly<Record<RouteEvent, number>>;

/** What is counted per backend; `sessions` and `waiting` are the numbers of now. */
export type BackendField =
  | "sessions"
  /** Sessions whose client spoke last. */
  | "waiting"
  | "sessionsTotal"
  | "bytesSent"
  | "bytesReceived"
  /** Attempts to connect that failed: clients' and trials. */
  | "dialFailures"
  /** Threads that cannot reach it now. */
  | "failing"
  /** How often it could not be reached any more. */
  | "outages";

/** Totals of one backend on one route. */
export interface BackendTotals extends Readonly<Record<BackendField, number>> {
  readonly route: Route;
  readonly backend: Backend;
}

const FIELDS: readonly BackendField[] = [
  "sessions",
  "waiting",
  "sessionsTotal",
  "bytesSent",
  "bytesReceived",
  "dialFailures",
  "failing",
  "outages",
];

/** After the events: who is inside, the longest wait of late, who waits for a place. */
const INSIDE_CELL = EVENTS.length;
const WAIT_CELL = EVENTS.length + 1;
const LINE_CELL = EVENTS.length + 2;
const TIMING_CELL = EVENTS.length + 3;
const ROUTE_CELLS = TIMING_CELL + TIMING_CELLS;
/** After the fields of a backend: the most sessions at a time of late. */
const PEAK_CELL = FIELDS.length;
const SLOT_WIDTH = FIELDS.length + 1;
const SLOT_CELLS = SLOTS_MAX * SLOT_WIDTH;
const EVENT_CELLS: ReadonlyMap<RouteEvent, number> = new Map(
  EVENTS.map((event, at) => [event, at]),
);
const FIELD_CELLS: ReadonlyMap<BackendField, number> = new Map(
  FIELDS.map((field, at) => [field, at]),
);

/** Where in a section each number lies. */
export class CellPlan {
  readonly routes: readonly Route[];
  readonly sectionCells: number;
  readonly #bases: ReadonlyMap<Route, number>;

  constructor(routes: readonly Route[]) {
    this.routes = routes;
    this.sectionCells = SLOT_CELLS + routes.length * ROUTE_CELLS;
    this.#bases = new Map(
      routes.map((route, at) => [route, SLOT_CELLS + at * ROUTE_CELLS]),
    );
  }

  /** @throws {Error} If there is no such door. */
  event(route: Route, event: RouteEvent): number {
    return this.#baseOf(route) + (EVENT_CELLS.get(event) ?? 0);
  }

  inside(route: Route): number {
    return this.#baseOf(route) + INSIDE_CELL;
  }

  longestWait(route: Route): number {
    return this.#baseOf(route) + WAIT_CELL;
  }

  inLine(route: Route): number {
    return this.#baseOf(route) + LINE_CELL;
  }

  /** The first cell of the histograms. */
  timings(route: Route): number {
    return this.#baseOf(route) + TIMING_CELL;
  }

  #baseOf(route: Route): number {
    const base = this.#bases.get(route);
    if (base === undefined) throw new Error(`no such door: ${route}`);
    return base;
  }
}

/** Where in a section a number of a backend lies. */
export function slotCell(slot: number, field: BackendField): number {
  return slot * SLOT_WIDTH + (FIELD_CELLS.get(field) ?? 0);
}

/** The same for the most sessions at a time of late. */
export function peakCell(slot: number): number {
  return slot * SLOT_WIDTH + PEAK_CELL;
}
