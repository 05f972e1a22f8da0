/**
 * What the sides of a thread do together: those that are ready at the same time
 * receive with one entry into the kernel, and deliver with a second one. Bytes go
 * first, ends and errors after them, so that no end overtakes what another side
 * has received. Where the kernel does not offer this, there is no batch and every
 * side makes its own calls.
 */
import { type CallRing, SLOTS } from "./call_ring.ts";

/** A side of a relay, as the batch sees it. */
export interface BatchSide {
  readonly fd: number;
  /** Nothing but an ordinary receive is due. */
  readonly isPlain: boolean;
  /** By itself, with calls of its own. */
  receive(): void;
  /**
   * The first `count` of these bytes have come.
   *
   * @returns The descriptor that they are for.
   */
  received(bytes: Uint8Array<ArrayBuffer>, count: number): number;
  /** @param sent Bytes, or the negative error number. */
  delivered(
    bytes: Uint8Array<ArrayBuffer>,
    count: number,
    sent: number,
  ): void;
  /** @param result 0: the peer has ended; else the negative error number. */
  receivedNothing(result: number): void;
}

/** What it needs of a ring. */
type Calls = Pick<
  CallRing,
  "buffers" | "queueReceive" | "queueSend" | "flush" | "result"
>;

/** Receives and sends for all sides of a thread that are ready at the same time. */
export class RelayBatch {
  readonly #ring: Calls;
  readonly #joined: BatchSide[] = [];
  /** Those of them whose turn it is, each with the slot of its place here. */
  readonly #sides: BatchSide[] = [];
  readonly #counts = new Int32Array(SLOTS);

  constructor(ring: Calls) {
    this.#ring = ring;
  }

  /** It receives when the batch runs, soon. */
  join(side: BatchSide): void {
    this.#joined.push(side);
  }

  run(): void {
    const joined = this.#joined;
    const sides = this.#sides;
    for (let from = 0; from < joined.length; from += SLOTS) {
      const end = Math.min(from + SLOTS, joined.length);
      for (let i = from; i < end; i++) {
        const side = joined[i];
        // Whatever came since it joined may have ended it, and its descriptor
        // may be somebody else's.
        if (side?.isPlain) sides.push(side);
      }
      // One alone is as well off with calls of its own, and a larger buffer.
      if (sides.length > 1) this.#runTogether();
      else sides[0]?.receive();
      sides.length = 0;
    }
    joined.length = 0;
  }

  #runTogether(): void {
    const ring = this.#ring;
    const counts = this.#counts;
    const sides = this.#sides;
    sides.forEach(({ fd }, slot) => ring.queueReceive(slot, fd));
    ring.flush();
    sides.forEach((side, slot) => {
      const count = ring.result(slot);
      counts[slot] = count;
      const bytes = ring.buffers[slot];
      if (count <= 0 || bytes === undefined) return;
      ring.queueSend(slot, side.received(bytes, count), count);
    });
    ring.flush();
    sides.forEach((side, slot) => {
      const count = counts[slot] ?? 0;
      const bytes = ring.buffers[slot];
      if (count <= 0 || bytes === undefined) return;
      side.delivered(bytes, count, ring.result(slot));
    });
    sides.forEach((side, slot) => {
      const count = counts[slot] ?? 0;
      if (count <= 0) side.receivedNothing(count);
    });
  }
}
