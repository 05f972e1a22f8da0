/**
 * Counts what happens in a proxy process: per route and per backend. All numbers
 * lie in one row of cells, which worker threads share: each writes only its own
 * section, everybody may add up all of them.
 */
import type { RelayMeter } from "./data_plane.ts";
import { type Route, ROUTES } from "./doors.ts";
import {
  type BackendField,
  type BackendTotals,
  CellPlan,
  peakCell,
  type RouteEvent,
  type RouteTotals,
  slotCell,
} from "./ledger_plan.ts";
import { LedgerPeaks } from "./ledger_peaks.ts";
import { SlotBook } from "./slot_book.ts";
import {
  bucketCell,
  type Histogram,
  histogramIn,
  sumCell,
  type Timing,
} from "./timings.ts";

/** Room for the numbers of some sections, all 0. */
export function ledgerCells(
  sections: number,
  routes: readonly Route[] = ROUTES,
): SharedArrayBuffer {
  const bytes = Float64Array.BYTES_PER_ELEMENT;
  const { sectionCells } = new CellPlan(routes);
  return new SharedArrayBuffer(sections * sectionCells * bytes);
}

/** What a ledger is made of. */
interface LedgerParts {
  readonly cells: SharedArrayBuffer;
  /** The section to write to. */
  readonly section: number;
  readonly book: SlotBook;
  /** The doors, in the same order for all threads. */
  readonly routes?: readonly Route[];
}

/** The counters of a proxy process, shared by its threads; each counts in its own section. */
export class Ledger {
  readonly book: SlotBook;
  readonly sums: LedgerSums;
  readonly peaks: LedgerPeaks;
  readonly #plan: CellPlan;
  readonly #cells: Float64Array;
  readonly #base: number;

  constructor(parts: LedgerParts) {
    this.book = parts.book;
    this.#plan = new CellPlan(parts.routes ?? ROUTES);
    this.sums = new LedgerSums(parts.cells, parts.book, this.#plan);
    this.peaks = new LedgerPeaks(parts.cells, this.#plan, this.sums);
    this.#cells = new Float64Array(parts.cells);
    this.#base = parts.section * this.#plan.sectionCells;
  }

  /** A ledger for a process with one thread. */
  static alone(routes: readonly Route[] = ROUTES): Ledger {
    const book = new SlotBook();
    const cells = ledgerCells(1, routes);
    return new Ledger({ cells, section: 0, book, routes });
  }

  /** The doors. */
  get routes(): readonly Route[] {
    return this.#plan.routes;
  }

  count(route: Route, event: RouteEvent): void {
    this.#add(this.#plan.event(route, event), 1);
  }

  /** A client came in (1) or went (-1). */
  addInside(route: Route, change: 1 | -1): void {
    this.#add(this.#plan.inside(route), change);
  }

  /** A client waits for a place on a server (1), or no more (-1). */
  addInLine(route: Route, change: 1 | -1): void {
    this.#add(this.#plan.inLine(route), change);
  }

  /** A client has waited that long for a backend, milliseconds. */
  addWait(route: Route, ms: number): void {
    const index = this.#base + this.#plan.longestWait(route);
    this.#cells[index] = Math.max(this.#cells[index] ?? 0, ms);
    this.addTime(route, "hold", ms);
  }

  /** Something took that long, milliseconds. */
  addTime(route: Route, timing: Timing, ms: number): void {
    const first = this.#plan.timings(route);
    this.#add(first + bucketCell(timing, ms), 1);
    this.#add(first + sumCell(timing), ms);
  }

  addTo(slot: number, field: BackendField, change: number): void {
    this.#add(slotCell(slot, field), change);
    if (field !== "sessions" || change < 0) return;
    const peak = this.#base + peakCell(slot);
    const all = this.sums.sessionsOn(slot);
    this.#cells[peak] = Math.max(this.#cells[peak] ?? 0, all);
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
  readonly #plan: CellPlan;

  constructor(cells: SharedArrayBuffer, book: SlotBook, plan: CellPlan) {
    this.#book = book;
    this.#cells = new Float64Array(cells);
    this.#plan = plan;
  }

  /** Totals of all sections. */
  totals(route: Route): RouteTotals {
    const sum = (event: RouteEvent): number =>
      this.#sum(this.#plan.event(route, event));
    return {
      accepted: sum("accepted"),
      connected: sum("connected"),
      waited: sum("waited"),
      holdTimeouts: sum("holdTimeouts"),
      tooMany: sum("tooMany"),
      gone: sum("gone"),
      cut: sum("cut"),
      garbage: sum("garbage"),
      late: sum("late"),
      crowded: sum("crowded"),
      denied: sum("denied"),
      idle: sum("idle"),
      throttled: sum("throttled"),
      queued: sum("queued"),
      queueTimeouts: sum("queueTimeouts"),
      queueFull: sum("queueFull"),
    };
  }

  /** How long things took, of all sections. */
  times(route: Route): Readonly<Record<Timing, Histogram>> {
    const first = this.#plan.timings(route);
    const read = (cell: number): number => this.#sum(first + cell);
    return {
      hold: histogramIn("hold", read),
      session: histogramIn("session", read),
      dial: histogramIn("dial", read),
      queue: histogramIn("queue", read),
    };
  }

  /** Clients inside now, waiting ones included, of all sections. */
  inside(route: Route): number {
    return this.#sum(this.#plan.inside(route));
  }

  /** Clients that wait for a place on a server now, of all sections. */
  inLine(route: Route): number {
    return this.#sum(this.#plan.inLine(route));
  }

  /** Clients inside now, of all doors. */
  insideAll(): number {
    let sum = 0;
    for (const route of this.#plan.routes) sum += this.inside(route);
    return sum;
  }

  /** Clients of one section. */
  loadOf(section: number): number {
    const base = section * this.#plan.sectionCells;
    return this.#plan.routes.reduce(
      (sum, route) => sum + (this.#cells[base + this.#plan.inside(route)] ?? 0),
      0,
    );
  }

  /** Sessions on a backend now, of all sections. */
  sessionsOn(slot: number): number {
    return this.#sum(slotCell(slot, "sessions"));
  }

  /** Whether a thread cannot reach the backend. */
  isFailing(slot: number): boolean {
    return this.#sum(slotCell(slot, "failing")) > 0;
  }

  /** All backends that were ever named. */
  backends(): readonly BackendTotals[] {
    return this.#book.entries().map(({ route, backend, slot }) => ({
      route,
      backend,
      sessions: this.#sum(slotCell(slot, "sessions")),
      waiting: this.#sum(slotCell(slot, "waiting")),
      sessionsTotal: this.#sum(slotCell(slot, "sessionsTotal")),
      bytesSent: this.#sum(slotCell(slot, "bytesSent")),
      bytesReceived: this.#sum(slotCell(slot, "bytesReceived")),
      dialFailures: this.#sum(slotCell(slot, "dialFailures")),
      failing: this.#sum(slotCell(slot, "failing")),
      outages: this.#sum(slotCell(slot, "outages")),
    }));
  }

  #sum(cell: number): number {
    let sum = 0;
    const { sectionCells } = this.#plan;
    for (let at = cell; at < this.#cells.length; at += sectionCells) {
      sum += this.#cells[at] ?? 0;
    }
    return sum;
  }
}
