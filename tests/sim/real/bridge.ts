/**
 * Where the real agent meets virtual time: promises that are resolved by events
 * of the world, and only while the agent that waits for them lives and is awake.
 */
import { type Moment, moment } from "../../../lib/core/base/units.ts";
import type { Clock } from "../../../lib/ports/clock.ts";
import { CancelledError } from "../../../lib/ports/errors.ts";
import type { Host } from "../world/host.ts";
import type { Timeline } from "../world/timeline.ts";

/** Counts what was resolved, so that the runner knows when there are microtasks to wait for. */
export class Touches {
  #count = 0;

  add(): void {
    this.#count++;
  }

  /** True once after something was touched. */
  take(): boolean {
    const had = this.#count > 0;
    this.#count = 0;
    return had;
  }
}

/** One incarnation of an agent and its way into the world. */
export class Bridge implements Clock {
  readonly host: Host;
  readonly #touches: Touches;
  readonly #enter: (action: () => void) => void;

  constructor(host: Host, touches: Touches) {
    this.host = host;
    this.#touches = touches;
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
      this.host.after(ms, () => this.#settle(resolve));
      signal?.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** Runs an action of this agent: now, after the thaw, or never. */
  enter(action: () => void): void {
    this.#enter(() => this.#settle(action));
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
      signal.addEventListener("abort", cancel, { once: true });
      begin((value) => this.enter(() => resolve(value)));
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

  /** There are microtasks to wait for. */
  touch(): void {
    this.#touches.add();
  }

  #settle(action: () => void): void {
    this.#touches.add();
    action();
  }
}

/** The store's own clock: the world's time. */
export class WorldClock implements Clock {
  readonly #timeline: Timeline;
  readonly #touches: Touches;

  constructor(timeline: Timeline, touches: Touches) {
    this.#timeline = timeline;
    this.#touches = touches;
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
      const wake = (): void => {
        this.#touches.add();
        resolve();
      };
      if (ms !== Infinity) this.#timeline.after(ms, wake);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }
}
