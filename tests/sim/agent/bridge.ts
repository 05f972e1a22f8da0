/**
 * Where the real agent meets virtual time: promises that are resolved by events
 * of the world, and only while the agent that waits for them lives and is awake.
 */
import { type Moment, moment } from "../../../lib/core/base/units.ts";
import type { Clock } from "../../../lib/ports/clock.ts";
import { CancelledError } from "../../../lib/ports/errors.ts";
import type { Host } from "../world/host.ts";
import type { Timeline } from "../world/timeline.ts";

/** One incarnation of an agent and its way into the world. */
export class Bridge implements Clock {
  readonly host: Host;
  readonly #enter: (action: () => void) => void;

  constructor(host: Host) {
    this.host = host;
    this.#enter = host.entrance;
  }

  now(): Moment {
    return moment(this.host.localNow);
  }

  /** The same on every host. */
  wallTimeMs(): number {
    const { offsetMs, rate } = this.host.clock;
    const worldNow = (this.host.localNow - offsetMs) / rate;
    return 1_800_000_000_000 + Math.floor(worldNow);
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.host.after(ms, untilAbort(signal, resolve));
    });
  }

  /** Runs an action of this agent: now, after the thaw, or never. */
  enter(action: () => void): void {
    this.#enter(action);
  }

  /** The value that `begin` hands to its callback at some time of the world. */
  until<T>(begin: (done: (value: T) => void) => void): Promise<T> {
    return new Promise((resolve) =>
      begin((value) => this.enter(() => resolve(value)))
    );
  }

  /** Like {@link until}, but ends with a CancelledError when `signal` aborts. */
  untilAborted<T>(
    signal: AbortSignal,
    begin: (done: (value: T) => void) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = (): void => reject(new CancelledError("Cancelled"));
      if (signal.aborted) return cancel();
      const end = untilAbort(signal, cancel);
      begin((value) =>
        this.enter(() => {
          resolve(value);
          end();
        })
      );
    });
  }

  /** Holds an answer back while the agent is frozen, for ever if it is dead. */
  gate<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      answer.then(
        (value) => this.enter(() => resolve(value)),
        (error) => this.enter(() => reject(error)),
      );
    });
  }
}

/** The store's own clock: the world's time. */
export class WorldClock implements Clock {
  readonly #timeline: Timeline;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  now(): Moment {
    return moment(this.#timeline.now);
  }

  wallTimeMs(): number {
    return Math.floor(this.#timeline.now);
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = untilAbort(signal, resolve);
      if (ms !== Infinity) this.#timeline.after(ms, end);
    });
  }
}

/**
 * Calls `end` when `signal` aborts. The function that comes back does the same,
 * and lets go of the signal: those who outlive many waits would get slow.
 */
export function untilAbort(
  signal: AbortSignal | undefined,
  end: () => void,
): () => void {
  if (signal === undefined) return end;
  const letGo = (): void => {
    signal.removeEventListener("abort", letGo);
    end();
  };
  signal.addEventListener("abort", letGo);
  return letGo;
}
