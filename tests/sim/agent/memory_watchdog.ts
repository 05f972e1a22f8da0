/**
 * The memory twin of the Watchdog port: a device that may be broken for a while,
 * and that resets its host when nobody feeds it in time.
 */
import {
  type Watchdog,
  type WatchdogActivation,
  WatchdogError,
} from "../../../lib/ports/watchdog.ts";
import type { Timeline } from "../world/timeline.ts";

/** The device of one host; outlives the agents that open it. */
export class WatchdogDevice {
  readonly #timeline: Timeline;
  readonly #reset: () => void;
  #feeds = 0;
  isBroken = false;

  /** @param reset What happens to the host. */
  constructor(timeline: Timeline, reset: () => void) {
    this.#timeline = timeline;
    this.#reset = reset;
  }

  /** Fires in that time, unless fed or stopped before. */
  feed(timeoutS: number): void {
    const feed = ++this.#feeds;
    this.#timeline.after(1000 * timeoutS, () => {
      if (feed === this.#feeds) this.#reset();
    });
  }

  stop(): void {
    this.#feeds++;
  }
}

/** One agent's hold on the device. */
export class MemoryWatchdog implements Watchdog {
  readonly device = "memory";
  readonly #device: WatchdogDevice;
  #timeoutS: number | null = null;

  constructor(device: WatchdogDevice) {
    this.#device = device;
  }

  get isActive(): boolean {
    return this.#timeoutS !== null;
  }

  isUsable(): boolean {
    return !this.#device.isBroken;
  }

  activate(timeoutS: number): WatchdogActivation {
    return this.setTimeout(timeoutS);
  }

  setTimeout(timeoutS: number): WatchdogActivation {
    this.#touch();
    this.#timeoutS = timeoutS;
    return { timeoutS };
  }

  keepalive(): void {
    this.#touch();
    if (this.#timeoutS !== null) this.#device.feed(this.#timeoutS);
  }

  disable(): void {
    this.#timeoutS = null;
    this.#device.stop();
  }

  describe(): string {
    return "the memory watchdog";
  }

  #touch(): void {
    if (this.#device.isBroken) throw new WatchdogError("no such device");
  }
}
