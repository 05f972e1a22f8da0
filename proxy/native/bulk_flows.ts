/**
 * Directions in which much flows. The kernel tells of their bytes only when many
 * have come (SO_RCVLOWAT), which saves most of the waking up; what is too little
 * for that, as the end of a large result, is fetched by a pulse.
 */
import type { EventLoop } from "./event_loop.ts";
import type { Libc } from "./libc.ts";

/** The longest that bytes may lie unnoticed. */
const PULSE_MS = 1;
const WORTH_WAKING_BYTES = 128 * 1024;
const LEVEL_SOCKET = 1;
const SO_RCVLOWAT = 18;

/** A direction in which much flows. */
export interface BulkFlow {
  readonly fd: number;
  /** Fetches what there is. */
  pulse(): void;
}

/** Saves wake-ups of sessions through which many bytes flow. */
export class BulkFlows {
  readonly #libc: Pick<Libc, "setsockopt">;
  readonly #loop: Pick<EventLoop, "after">;
  readonly #flows = new Set<BulkFlow>();
  readonly #value = new Int32Array(1);
  #isPulseDue = false;

  constructor(
    libc: Pick<Libc, "setsockopt">,
    loop: Pick<EventLoop, "after">,
  ) {
    this.#libc = libc;
    this.#loop = loop;
  }

  add(flow: BulkFlow): void {
    this.#flows.add(flow);
    this.#pulseLater();
    this.#setMark(flow, WORTH_WAKING_BYTES);
  }

  /** From now on every byte is worth it; may be said again. */
  remove(flow: BulkFlow): void {
    if (this.#flows.delete(flow)) this.#setMark(flow, 1);
  }

  #pulseLater(): void {
    if (this.#isPulseDue) return;
    this.#isPulseDue = true;
    this.#loop.after(PULSE_MS, () => {
      this.#isPulseDue = false;
      for (const flow of this.#flows) flow.pulse();
      if (this.#flows.size > 0) this.#pulseLater();
    });
  }

  #setMark(flow: BulkFlow, bytes: number): void {
    this.#value[0] = bytes;
    const { setsockopt } = this.#libc;
    setsockopt(flow.fd, LEVEL_SOCKET, SO_RCVLOWAT, this.#value, 4);
  }
}
