/**
 * The heart of a worker thread: waits for sockets in `epoll`, calls who asked,
 * keeps time. The thread blocks in the kernel, so nothing else of the runtime
 * runs there by itself: whoever settles a promise says `touch()`, and the loop
 * lets the runtime take its turn.
 */
import { type Moment, moment } from "../../lib/core/base/units.ts";
import type { Clock } from "../../lib/ports/clock.ts";
import { FLAG, type Libc, READY } from "./libc.ts";
import { Timers } from "./timers.ts";

const EVENTS_MAX = 512;
const ADD = 1;
const DELETE = 2;
const MODIFY = 3;

/** Who is called when a descriptor is ready. Must not throw. */
export interface ReadyHandler {
  /** @param events Of {@link READY}. */
  onReady(events: number): void;
}

/** `struct epoll_event` is packed on x86_64 only; in 32-bit words. */
const EVENT_WORDS = Deno.build.arch === "x86_64" ? 3 : 4;
const DATA_WORD = Deno.build.arch === "x86_64" ? 1 : 2;

/** See the head of this file. */
export class EventLoop implements Clock {
  readonly #libc: Libc;
  readonly #hasMail: () => boolean;
  readonly #epoll: number;
  readonly #events = new Uint32Array(EVENTS_MAX * EVENT_WORDS);
  readonly #control = new Uint32Array(4);
  readonly #handlers: (ReadyHandler | null)[] = [];
  readonly #freeTokens: number[] = [];
  /** Given back only after the round, so that no old event meets a new owner. */
  #releasedTokens: number[] = [];
  readonly #timers = new Timers();
  #isTouched = true;
  #isStopped = false;

  /** @param hasMail Whether another thread has sent what has not arrived yet. */
  constructor(libc: Libc, hasMail: () => boolean) {
    this.#libc = libc;
    this.#hasMail = hasMail;
    this.#epoll = libc.epoll_create1(FLAG.closeOnExec);
  }

  /** Begins to watch a descriptor. @returns What the other calls name it by. */
  watch(fd: number, interest: number, handler: ReadyHandler): number {
    const token = this.#freeTokens.pop() ?? this.#handlers.length;
    this.#handlers[token] = handler;
    this.#ctl(ADD, fd, { interest, token });
    return token;
  }

  /** Changes what is watched for. */
  rewatch(fd: number, token: number, interest: number): void {
    this.#ctl(MODIFY, fd, { interest, token });
  }

  /** From now on another one is called. */
  handOver(token: number, handler: ReadyHandler): void {
    this.#handlers[token] = handler;
  }

  /** Before the descriptor is closed. */
  unwatch(fd: number, token: number): void {
    this.#ctl(DELETE, fd, { interest: 0, token });
    this.#handlers[token] = null;
    this.#releasedTokens.push(token);
  }

  /** A promise was settled: the runtime must have its turn. */
  touch(): void {
    this.#isTouched = true;
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
        this.touch();
        resolve();
      };
      const timer = this.#timers.add(performance.now() + ms, end);
      signal?.addEventListener("abort", end, { once: true });
    });
  }

  /** Runs until `stop`. Never rejects. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      const isBusy = this.#isTouched || this.#hasMail();
      this.#dispatch(isBusy ? 0 : this.#timers.nextInMs());
      this.#timers.fire();
      if (this.#isTouched || this.#hasMail()) {
        this.#isTouched = false;
        await turn();
      }
    }
    this.#libc.close(this.#epoll);
  }

  stop(): void {
    this.#isStopped = true;
    this.touch();
  }

  #dispatch(waitMs: number): void {
    const events = this.#events;
    const { epoll_wait } = this.#libc;
    const count = epoll_wait(this.#epoll, events, EVENTS_MAX, waitMs);
    for (let i = 0; i < count; i++) {
      const at = i * EVENT_WORDS;
      const token = events[at + DATA_WORD] ?? 0;
      this.#handlers[token]?.onReady(events[at] ?? READY.error);
    }
    if (this.#releasedTokens.length > 0) {
      this.#freeTokens.push(...this.#releasedTokens);
      this.#releasedTokens = [];
    }
  }

  #ctl(
    operation: number,
    fd: number,
    event: { readonly interest: number; readonly token: number },
  ): void {
    const control = this.#control;
    control[0] = event.interest;
    control[DATA_WORD] = event.token;
    control[DATA_WORD + 1] = 0;
    this.#libc.epoll_ctl(this.#epoll, operation, fd, control);
  }
}

/** All promises go on, and messages of other threads arrive. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
