/** Real time for the conformance suites. */
import { type Moment, moment } from "../../lib/core/base/units.ts";
import type { Clock } from "../../lib/ports/clock.ts";

/** A Clock on this process's monotonic time. */
export class RealClock implements Clock {
  now(): Moment {
    return moment(performance.now());
  }

  wallTimeMs(): number {
    return Date.now();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const finish = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", finish);
        resolve();
      };
      const timer = setTimeout(finish, ms);
      signal?.addEventListener("abort", finish);
    });
  }
}
