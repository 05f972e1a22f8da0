/** The clock of a worker thread, whose timers are the loop's. */
import { type Moment, moment } from "../../lib/core/base/units.ts";
import type { Clock } from "../../lib/ports/clock.ts";
import type { EventLoop } from "./event_loop.ts";

/** Tells the time, and lets promises wait in a thread that blocks in the kernel. */
export class LoopClock implements Clock {
  readonly #loop: Pick<EventLoop, "after" | "touch">;

  constructor(loop: Pick<EventLoop, "after" | "touch">) {
    this.#loop = loop;
  }

  now(): Moment {
    return moment(performance.now());
  }

  wallTimeMs(): number {
    return Date.now();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        timer.isOver = true;
        signal?.removeEventListener("abort", end);
        this.#loop.touch();
        resolve();
      };
      const timer = this.#loop.after(ms, end);
      signal?.addEventListener("abort", end, { once: true });
    });
  }
}
