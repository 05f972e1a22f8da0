/**
 * The clients of one door, of one thread, that wait for a place on a server, in
 * the order in which they came. Only the first one looks; whoever goes lets the
 * next one look. What is first among all threads stands in `server_places.ts`.
 */
import { type Moment, remainingMs } from "../lib/core/base/units.ts";
import type { Clock } from "../lib/ports/clock.ts";
import type { Route } from "./doors.ts";
import { isOlder, type Ticket } from "./line_order.ts";
import type { ServerPlaces } from "./server_places.ts";

/** What it is made of. */
interface LineParts {
  readonly route: Route;
  readonly clock: Clock;
  readonly places: ServerPlaces;
}

/** One who waits. */
interface Waiter {
  readonly ticket: Ticket;
  /** Ends its sleep. */
  waking: AbortController;
}

/** Clients that wait for a place, the oldest first. */
export class WaitingLine {
  readonly #parts: LineParts;
  #waiters: Waiter[] = [];

  constructor(parts: LineParts) {
    this.#parts = parts;
    parts.places.onFree(() => this.#wakeFirst());
  }

  /** How many wait in this thread. */
  get length(): number {
    return this.#waiters.length;
  }

  /** Whether it is the turn of the holder of a ticket; null: of a newcomer. */
  isNext(ticket: Ticket | null): boolean {
    const { places, route } = this.#parts;
    return places.order.isNext(route, ticket);
  }

  /**
   * A client begins to wait; with the ticket that it has, if it has waited before.
   *
   * @returns Its ticket; null: too many wait, and it is a newcomer.
   */
  join(held: Ticket | null): Ticket | null {
    const { places, route } = this.#parts;
    const ticket = held ?? places.order.draw(route);
    if (ticket === null) return null;
    if (held !== null) places.order.enter(route);
    const at = this.#waiters.findIndex((one) => isOlder(ticket, one.ticket));
    const waiter = { ticket, waking: new AbortController() };
    this.#waiters.splice(at < 0 ? this.#waiters.length : at, 0, waiter);
    this.#showHead();
    return ticket;
  }

  /** It waits no longer: it has its place, or is gone. May be said again. */
  leave(ticket: Ticket): void {
    const at = this.#waiters.findIndex((one) => one.ticket === ticket);
    if (at < 0) return;
    this.#waiters.splice(at, 1);
    const { places, route } = this.#parts;
    places.order.leave(route);
    this.#showHead();
    if (at === 0) places.wake();
  }

  /** Sleeps until there may be a place, until `deadline` or `signal`. */
  async sleep(
    ticket: Ticket,
    { deadline, signal }: {
      readonly deadline: Moment;
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    const waiter = this.#waiters.find((one) => one.ticket === ticket);
    const { clock } = this.#parts;
    const leftMs = remainingMs(deadline, clock.now());
    if (waiter === undefined || leftMs <= 0 || signal.aborted) return;
    const waking = new AbortController();
    waiter.waking = waking;
    const onAbort = (): void => waking.abort();
    signal.addEventListener("abort", onAbort, { once: true });
    await clock.sleep(leftMs, waking.signal);
    signal.removeEventListener("abort", onAbort);
  }

  #showHead(): void {
    const { places, route } = this.#parts;
    places.order.showHead(route, this.#waiters[0]?.ticket ?? null);
  }

  #wakeFirst(): void {
    this.#waiters[0]?.waking.abort();
  }
}
