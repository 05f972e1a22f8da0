/**
 * What the listeners are told: each change of a key, whoever brought it, and the
 * end of a leader of whom nothing is heard any more, which no watch tells.
 */
import { remainingMs, revision } from "../../core/base/units.ts";
import { changesBetween } from "../../dcs/changes.ts";
import { DcsListeners } from "../../dcs/listeners.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsEntry } from "../../ports/dcs.ts";
import type { ScopeState } from "./state.ts";

/** Deletions are told with it; no key has it. */
const GONE = revision("gone");

/** Feeds the listeners of one client. */
export class ScopeFeed {
  readonly listeners: DcsListeners = new DcsListeners();
  readonly #state: ScopeState;
  readonly #clock: Clock;
  readonly #onLook: () => void;
  /** What the listeners know; null: the watch does not stand yet. */
  #told: readonly DcsEntry[] | null = null;
  #timer: AbortController | null = null;

  /** @param onLook Called with each look, before anybody is told. */
  constructor(state: ScopeState, clock: Clock, onLook: () => void) {
    this.#state = state;
    this.#clock = clock;
    this.#onLook = onLook;
  }

  /** All keys as they are now, after the listeners were told. */
  look(): readonly DcsEntry[] {
    this.#onLook();
    const entries = this.#state.entries();
    const before = this.#told;
    if (before !== null && before !== entries) {
      this.#told = entries;
      for (const change of changesBetween(before, entries, GONE)) {
        this.listeners.tell(change);
      }
    }
    this.#lookAgain(entries);
    return entries;
  }

  /** From now on each change is told. */
  stand(): void {
    this.#told = this.look();
    this.#lookAgain(this.#told);
    this.listeners.stand();
  }

  /** The store is older than it was: nobody knows what that means for them. */
  restart(): void {
    if (this.#told === null) return;
    this.listeners.fall();
    this.#told = null;
    this.stand();
  }

  /** Nobody listens any more. */
  rest(): void {
    this.listeners.fall();
    this.#told = null;
    this.#timer?.abort();
  }

  close(): void {
    this.listeners.close();
    this.rest();
  }

  /** As long as a leader is shown: its time may end while it is looked at. */
  #lookAgain(entries: readonly DcsEntry[]): void {
    this.#timer?.abort();
    this.#timer = null;
    const end = this.#state.leaderEnd;
    const isLed = entries.some(({ key }) => key === "leader");
    if (this.#told === null || end === null || !isLed) return;
    const timer = new AbortController();
    this.#timer = timer;
    // A timer may fire a moment early.
    const waitMs = Math.max(1, remainingMs(end, this.#clock.now()));
    void this.#clock.sleep(waitMs, timer.signal)
      .then(() => timer.signal.aborted ? null : this.look());
  }
}
