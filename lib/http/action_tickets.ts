/**
 * Tickets for actions of the cluster page: whoever was told what an action would
 * come to gets one, and it is good for that very action, once and not for long.
 * So nothing is done that was not rehearsed before, and a page of another site,
 * which cannot read the answer, has none.
 */
import type { WantedAction } from "../ui/action_plan.ts";

/** Somebody has to read the text. */
const GOOD_FOR_MS = 300_000;

/** So many are open at a time; older ones are void. */
const TICKETS_MAX = 100;

/** Gives tickets out and takes them back. */
export class ActionTickets {
  readonly #open = new Map<
    string,
    { readonly wanted: WantedAction; readonly untilMs: number }
  >();

  /** @param nowMs On any monotonic clock. */
  give(wanted: WantedAction, nowMs: number): string {
    const ticket = crypto.randomUUID();
    this.#open.set(ticket, { wanted, untilMs: nowMs + GOOD_FOR_MS });
    const [oldest] = this.#open.keys();
    if (this.#open.size > TICKETS_MAX && oldest !== undefined) {
      this.#open.delete(oldest);
    }
    return ticket;
  }

  /** What it is good for; null: nothing (any more). */
  take(ticket: string, nowMs: number): WantedAction | null {
    const known = this.#open.get(ticket);
    this.#open.delete(ticket);
    return known === undefined || known.untilMs < nowMs ? null : known.wanted;
  }
}
