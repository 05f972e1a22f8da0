/**
 * Until when this member may lead, and who says so. The lease keeper extends it
 * with each renewal, the consent of all members in failsafe mode for another ttl;
 * whoever gives the lead away ends it. Everybody else only reads it.
 */
import { driftAllowanceMs } from "../core/calc/lead/budgets.ts";
import { after, type Moment, remainingMs } from "../core/base/units.ts";
import type { Clock } from "../ports/clock.ts";

/** Told of each extension and its deadline; says until when this member may really lead. */
export type OnCovered = (deadline: Moment) => Moment;

/** Who backs the deadline. */
export type Backer = "store" | "failsafe";

/** What others may know of it. */
export interface Deadline {
  /** Until when this member may act as leader; null: it may not. */
  readonly deadline: Moment | null;
}

/** The right to lead of one member. */
export class LeadRight implements Deadline {
  readonly #clock: Pick<Clock, "now">;
  readonly #onCovered: OnCovered;
  #deadline: Moment | null = null;
  #source: Backer = "store";

  constructor(
    clock: Pick<Clock, "now">,
    onCovered: OnCovered = (deadline) => deadline,
  ) {
    this.#clock = clock;
    this.#onCovered = onCovered;
  }

  get deadline(): Moment | null {
    return this.#deadline;
  }

  get source(): Backer {
    return this.#source;
  }

  /**
   * The lease was won or renewed.
   *
   * @param since The moment before the request was sent.
   */
  coverByStore(since: Moment, ttlMs: number): void {
    this.#cover("store", since, ttlMs);
  }

  /**
   * The store is away and every member of the failsafe map agreed: the right to
   * lead goes on for another ttl. It must still hold; nothing comes back to life.
   *
   * @param since The moment before the first of them was asked.
   */
  coverByFailsafe(since: Moment, ttlMs: number): void {
    const held = this.#deadline;
    if (held === null || remainingMs(held, this.#clock.now()) <= 0) return;
    this.#cover("failsafe", since, ttlMs);
  }

  /** Forgets the right to lead, without telling the store. */
  forget(): void {
    this.#deadline = null;
  }

  #cover(source: Backer, since: Moment, ttlMs: number): void {
    this.#source = source;
    this.#deadline = this.#onCovered(
      after(since, ttlMs - driftAllowanceMs(ttlMs)),
    );
  }
}
