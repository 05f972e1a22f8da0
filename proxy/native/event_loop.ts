/**
 * The heart of a worker thread: waits for sockets in `epoll`, calls who asked,
 * keeps time. The thread blocks in the kernel, so nothing else of the runtime
 * runs there by itself: whoever settles a promise says `touch()`, and the loop
 * lets what waits for it go on. A whole turn of the runtime costs as much as
 * relaying a packet, so promises get a few steps at once, and the runtime its
 * turn a little later, once for many sessions.
 */
import { FLAG, type Libc, READY } from "./libc.ts";
import { type Timer, Timers } from "./timers.ts";

const EVENTS_MAX = 512;
/** Far more than any chain of promises here is long. */
const STEPS = 16;
/** So soon after a touch the runtime has its turn: what is longer goes on then. */
const TURN_DUE_MS = 2;
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

/** Waits for sockets and timers of one thread, and calls who asked for them. */
export class EventLoop {
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
  #afterEvents: () => void = () => {};
  #isTouched = true;
  /** When the runtime must have its turn; null: nothing was touched since. */
  #turnAtMs: number | null = 0;
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

  /** Calls `action` each time that all who are ready were called; it must not throw. */
  afterEvents(action: () => void): void {
    this.#afterEvents = action;
  }

  /** Whether control has said something that has not arrived yet; it will in this round. */
  get hasMail(): boolean {
    return this.#hasMail();
  }

  /** A promise was settled: who waits for it must go on. */
  touch(): void {
    this.#isTouched = true;
  }

  /** Calls `action` later; it must not throw. */
  after(ms: number, action: () => void): Timer {
    return this.#timers.add(performance.now() + ms, action);
  }

  /** Runs until `stop`. Never rejects. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      this.#dispatch(this.#waitMs());
      this.#timers.fire();
      if (this.#isTouched) {
        this.#isTouched = false;
        this.#turnAtMs ??= performance.now() + TURN_DUE_MS;
        for (let step = 0; step < STEPS; step++) await null;
      }
      if (this.#isTurnDue()) {
        this.#turnAtMs = null;
        await turn();
      }
    }
    this.#libc.close(this.#epoll);
  }

  stop(): void {
    this.#isStopped = true;
    this.touch();
  }

  #waitMs(): number {
    if (this.#isTouched || this.#hasMail()) return 0;
    const timerMs = this.#timers.nextInMs();
    if (this.#turnAtMs === null) return timerMs;
    return timerMs < 0 ? TURN_DUE_MS : Math.min(timerMs, TURN_DUE_MS);
  }

  #isTurnDue(): boolean {
    if (this.#hasMail()) return true;
    return this.#turnAtMs !== null && this.#turnAtMs <= performance.now();
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
    this.#afterEvents();
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
