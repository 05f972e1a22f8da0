/**
 * Time on Linux. The moments are the kernel's boot-time clock: it counts through
 * suspension and is the same in every process of the host, so a deadline can be
 * handed from the agent to the proxy. `performance.now()` can do neither.
 *
 * It is read through the C library; where that cannot be called, from
 * `/proc/uptime`, which is the same clock in steps of 10 ms, rounded down.
 */
import { readFileSync } from "node:fs";
import { type Moment, moment, timerMs } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";

const UPTIME_PATH = "/proc/uptime";
const CLOCK_BOOTTIME = 7;
const SYMBOLS = {
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
} as const;

/** Opened once for all clocks of the process. */
const readBootTimeMs = bootTimeReader();

/** The clock of this host. */
export class SystemClock implements Clock {
  /**
   * @throws {Error} If there is no such clock (no Linux, no /proc).
   */
  now(): Moment {
    const ms = readBootTimeMs?.() ??
      parseUptimeMs(readFileSync(UPTIME_PATH, "ascii"));
    return moment(ms);
  }

  wallTimeMs(): number {
    return Date.now();
  }

  /**
   * Waits on the runtime's timer, which stands still while the host is
   * suspended: look at `now()` afterwards. May end up to 10 ms early by it.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, timerMs(ms));
      signal?.addEventListener("abort", end);
    });
  }
}

/**
 * For a program that ends soon and hands no moment on: needs no file, so that it
 * works without all permissions (Deno gives `/proc` only with all of them). It is
 * up to a second ahead of the others', which the leases of a SQLite file bear.
 */
export class CallClock extends SystemClock {
  readonly #startMs = Deno.osUptime() * 1000 - performance.now();

  override now(): Moment {
    return moment(this.#startMs + performance.now());
  }
}

/**
 * Milliseconds since boot in the text of `/proc/uptime`.
 *
 * @throws {Error} If the text has another form.
 *
 * Source: proc_uptime(5); Linux `fs/proc/uptime.c`, ktime_get_boottime_ts64.
 */
export function parseUptimeMs(text: string): number {
  const match = /^(\d+)\.(\d\d) /.exec(text);
  if (match === null) throw new Error(`${UPTIME_PATH} has an unknown form`);
  return Number(match[1]) * 1000 + Number(match[2]) * 10;
}

/**
 * Whole milliseconds since boot; null without the right or the library. Asks for
 * no right that a call of the command line has given up.
 *
 * Source: clock_gettime(2); `struct timespec` on 64-bit Linux.
 */
function bootTimeReader(): (() => number) | null {
  try {
    const right = Deno.permissions.querySync({ name: "ffi" });
    if (right.state !== "granted") return null;
    const { symbols } = Deno.dlopen("libc.so.6", SYMBOLS);
    const time = new Uint32Array(4);
    const read = (): number => {
      symbols.clock_gettime(CLOCK_BOOTTIME, time);
      const [low = 0, high = 0, nanoseconds = 0] = time;
      return (high * 2 ** 32 + low) * 1000 + Math.floor(nanoseconds / 1e6);
    };
    return symbols.clock_gettime(CLOCK_BOOTTIME, time) === 0 ? read : null;
  } catch {
    return null;
  }
}
