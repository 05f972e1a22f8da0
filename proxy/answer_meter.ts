/**
 * Counts the sessions whose clients wait for a word of their backend: all on one
 * that stands still, none on one that nobody asks. Costs one comparison per move
 * of bytes.
 */
import type { RelayMeter } from "./data_plane.ts";

/** Tells what is counted for the backend anyway who waits. */
export class AnswerMeter implements RelayMeter {
  readonly sent: (bytes: number) => void;
  readonly received: (bytes: number) => void;
  readonly #change: (by: 1 | -1) => void;
  #isWaiting = false;
  #isOver = false;

  /** @param change One session more (1) or less (-1) waits. */
  constructor(total: RelayMeter, change: (by: 1 | -1) => void) {
    this.#change = change;
    this.sent = (bytes) => {
      total.sent(bytes);
      if (!this.#isWaiting) this.#set(true);
    };
    this.received = (bytes) => {
      total.received(bytes);
      if (this.#isWaiting) this.#set(false);
    };
  }

  /** The session has ended: nobody waits in it any more. */
  end(): void {
    if (this.#isWaiting) this.#set(false);
    this.#isOver = true;
  }

  #set(isWaiting: boolean): void {
    if (this.#isOver) return;
    this.#isWaiting = isWaiting;
    this.#change(isWaiting ? 1 : -1);
  }
}
