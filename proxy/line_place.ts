/**
 * One client's place in the line of its door. It keeps its number: who got a
 * server that could not be reached stands where it stood before.
 */
import { after, type Moment, remainingMs } from "../lib/core/base/units.ts";
import type { Clock } from "../lib/ports/clock.ts";
import type { Route } from "./doors.ts";
import type { Ledger } from "./ledger.ts";
import type { RouteEvent } from "./ledger_plan.ts";
import type { Ticket } from "./line_order.ts";
import type { RefusalText } from "./startup.ts";
import type { WaitingLine } from "./waiting_line.ts";

/** Why a client gets no backend: what is counted, and what it is told. */
export interface Refusal {
  readonly event: RouteEvent;
  readonly text: RefusalText;
}

/** What it is made of. */
interface PlaceParts {
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly route: Route;
  readonly line: WaitingLine;
  /** How long a client waits for a place on a server. */
  readonly queueTimeoutMs: number;
}

interface Standing {
  readonly ticket: Ticket;
  readonly since: Moment;
  readonly deadline: Moment;
}

const LINE_FULL: Refusal = {
  event: "queueFull",
  text: {
    code: "53300",
    message: "sorry, too many clients already",
    detail: "No server has a place, and too many clients wait for one.",
  },
};

/** A client's place in the line, if it ever has to wait there. */
export class LinePlace {
  readonly #parts: PlaceParts;
  #standing: Standing | null = null;
  #isInLine = false;

  constructor(parts: PlaceParts) {
    this.#parts = parts;
  }

  /** Its number; null: it never waited there. */
  get ticket(): Ticket | null {
    return this.#standing?.ticket ?? null;
  }

  /**
   * Joins the line, or sleeps there until there may be a place.
   *
   * @returns Why it waited in vain; null: it should look (again).
   */
  async wait(signal: AbortSignal): Promise<Refusal | null> {
    // A place may have become free while it joined.
    if (!this.#isInLine) return this.#join();
    if (this.#standing === null) return null;
    const { clock, line, queueTimeoutMs } = this.#parts;
    const { deadline, ticket } = this.#standing;
    await line.sleep(ticket, { deadline, signal });
    const isOver = remainingMs(deadline, clock.now()) <= 0;
    if (!isOver || signal.aborted) return null;
    this.leave();
    const message = `no place on a server became free within ` +
      `${queueTimeoutMs / 1000} s`;
    const text = { code: "53300", message, detail: null };
    return { event: "queueTimeouts", text };
  }

  /** It has its place, or is gone. May be said again. */
  leave(): void {
    if (!this.#isInLine || this.#standing === null) return;
    const { clock, ledger, line, route } = this.#parts;
    const { since, ticket } = this.#standing;
    this.#isInLine = false;
    line.leave(ticket);
    ledger.addInLine(route, -1);
    ledger.addTime(route, "queue", clock.now() - since);
  }

  #join(): Refusal | null {
    const { clock, ledger, line, route, queueTimeoutMs } = this.#parts;
    const ticket = line.join(this.ticket);
    if (ticket === null) return LINE_FULL;
    if (this.#standing === null) {
      ledger.count(route, "queued");
      const since = clock.now();
      const deadline = after(since, queueTimeoutMs);
      this.#standing = { ticket, since, deadline };
    }
    ledger.addInLine(route, 1);
    this.#isInLine = true;
    return null;
  }
}
