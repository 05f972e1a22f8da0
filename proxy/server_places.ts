/**
 * How many sessions of this proxy each server has, where that is limited. All
 * numbers lie in cells that worker threads share, and are changed as the processor
 * does it in one go: two threads never give the same place away.
 */
import type { Route } from "./doors.ts";
import { lineCells, LineOrder } from "./line_order.ts";
import { SLOTS_MAX } from "./slot_book.ts";

/** How much is given. */
export interface PlaceTerms {
  /** Sessions of one server, of all doors together; 0: no limit. */
  readonly perServerMax: number;
  /** Clients of one door that wait for a place. */
  readonly lineMax: number;
}

/** What it is made of. */
interface PlacesParts {
  /** Of {@link placeCells}. */
  readonly cells: SharedArrayBuffer;
  /** Number of this thread. */
  readonly section: number;
  /** The doors, in the same order for all threads. */
  readonly routes: readonly Route[];
  readonly terms: PlaceTerms;
  /** Has the other threads `look`. Must not throw. */
  readonly wakeOthers: () => void;
  /** Newer routes are on their way: whoever looked now would meet the old ones. */
  readonly isStale: () => boolean;
}

/** Room for the numbers of some threads, all 0. */
export function placeCells(
  threads: number,
  routes: readonly Route[],
): SharedArrayBuffer {
  const count = SLOTS_MAX + lineCells(threads, routes);
  return new SharedArrayBuffer(count * Int32Array.BYTES_PER_ELEMENT);
}

/** The places on servers, for all threads of a process. */
export class ServerPlaces {
  readonly order: LineOrder;
  readonly #parts: PlacesParts;
  readonly #cells: Int32Array;
  readonly #lookers = new Set<() => void>();

  constructor(parts: PlacesParts) {
    this.#parts = parts;
    this.#cells = new Int32Array(parts.cells);
    const cells = this.#cells.subarray(SLOTS_MAX);
    this.order = new LineOrder({ ...parts, cells, ...parts.terms });
  }

  /** For a process with one thread. */
  static alone(routes: readonly Route[], terms: PlaceTerms): ServerPlaces {
    const cells = placeCells(1, routes);
    return new ServerPlaces({
      ...{ cells, section: 0, routes, terms },
      wakeOthers: () => {},
      isStale: () => false,
    });
  }

  /** Whether there is any limit. */
  get isOn(): boolean {
    return this.#parts.terms.perServerMax > 0;
  }

  /**
   * Takes a place.
   *
   * @param server Of `SlotBook.serverOf`.
   * @returns Whether there was one.
   */
  take(server: number): boolean {
    const { perServerMax } = this.#parts.terms;
    // Never above the limit, not for a moment: who looked then would be refused.
    for (;;) {
      const taken = Atomics.load(this.#cells, server);
      if (taken >= perServerMax) return false;
      const before = Atomics.compareExchange(
        this.#cells,
        server,
        taken,
        taken + 1,
      );
      if (before === taken) return true;
    }
  }

  /** Takes a place for whoever must not wait, also if there is none. */
  takeAnyway(server: number): void {
    Atomics.add(this.#cells, server, 1);
  }

  /** Gives a place back: who is next looks again. */
  give(server: number): void {
    Atomics.sub(this.#cells, server, 1);
    this.wake();
  }

  /** Calls `look` when a place may be free; it must not throw. */
  onFree(look: () => void): void {
    this.#lookers.add(look);
  }

  /** A place may be free for who is next, in whichever thread. */
  wake(): void {
    this.look();
    if (this.order.isElsewhere) this.#parts.wakeOthers();
  }

  /** The same in this thread alone. With newer routes, it is to be said again. */
  look(): void {
    if (this.#parts.isStale()) return;
    for (const look of this.#lookers) look();
  }
}
