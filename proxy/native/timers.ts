/** Timers of one thread: a binary heap, the next one on top. */
import { timerMs } from "../../lib/core/base/units.ts";

/** One timer; who sets `isOver` cancels it. */
export interface Timer {
  readonly atMs: number;
  readonly action: () => void;
  isOver: boolean;
}

/** Cancelled timers may make up this share of the heap before it is rebuilt. */
const OVER_SHARE_MAX = 0.5;
const REBUILD_MIN = 1024;

/** The timers of one thread. Times are those of `performance.now()`. */
export class Timers {
  #heap: Timer[] = [];
  #additions = 0;

  add(atMs: number, action: () => void): Timer {
    const timer: Timer = { atMs, action, isOver: false };
    this.#tidy();
    this.#heap.push(timer);
    this.#rise(this.#heap.length - 1);
    return timer;
  }

  /** How long until the next; -1 if there is none. Whole milliseconds, rounded up. */
  nextInMs(): number {
    this.#dropOver();
    const top = this.#heap[0];
    if (top === undefined) return -1;
    const ms = Math.ceil(top.atMs - performance.now());
    return timerMs(ms);
  }

  /** Runs all that are due. */
  fire(): void {
    if (this.#heap.length === 0) return;
    const now = performance.now();
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (top.isOver) this.#pop();
      else if (top.atMs > now) return;
      else {
        this.#pop();
        top.action();
      }
    }
  }

  #dropOver(): void {
    while (this.#heap[0]?.isOver) this.#pop();
  }

  /** Most timers are cancelled long before their time; they must not pile up. */
  #tidy(): void {
    if (++this.#additions < REBUILD_MIN) return;
    this.#additions = 0;
    const living = this.#heap.filter((timer) => !timer.isOver);
    if (living.length > this.#heap.length * OVER_SHARE_MAX) return;
    // A sorted list is a heap.
    this.#heap = living.sort((a, b) => a.atMs - b.atMs);
  }

  #rise(index: number): void {
    for (let at = index; at > 0;) {
      const parent = (at - 1) >> 1;
      if (this.#timeAt(parent) <= this.#timeAt(at)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    for (let at = 0;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (this.#timeAt(child) < this.#timeAt(least)) least = child;
      }
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #timeAt(index: number): number {
    return this.#heap[index]?.atMs ?? Infinity;
  }

  #swap(a: number, b: number): void {
    const [one, two] = [this.#heap[a], this.#heap[b]];
    if (one === undefined || two === undefined) return;
    this.#heap[a] = two;
    this.#heap[b] = one;
  }
}
