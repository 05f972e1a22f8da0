/**
 * Virtual time: events in the order of their moments, equal moments in the
 * order in which they were asked for. Nothing here reads a real clock.
 */

interface Event {
  readonly at: number;
  readonly order: number;
  readonly action: () => void;
}

/** Milliseconds of the world, and what will happen when. */
export class Timeline {
  #now = 0;
  #orders = 0;
  readonly #heap: Event[] = [];

  /** Real time of the simulated world, in milliseconds. */
  get now(): number {
    return this.#now;
  }

  /** When the next event is due; infinity if nothing is. */
  get nextAt(): number {
    return this.#heap[0]?.at ?? Infinity;
  }

  /** Plans `action`; it cannot be taken back, so it must check whether it still applies. */
  after(ms: number, action: () => void): void {
    const at = this.#now + Math.max(0, ms);
    this.#heap.push({ at, order: this.#orders++, action });
    this.#rise(this.#heap.length - 1);
  }

  /** Lets the next event happen; false if there is none. */
  step(): boolean {
    const event = this.#pop();
    if (event === null) return false;
    this.#now = event.at;
    event.action();
    return true;
  }

  #pop(): Event | null {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first === undefined || last === undefined) return null;
    if (this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#sink();
    }
    return first;
  }

  #rise(from: number): void {
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#isBefore(index, parent)) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  #sink(): void {
    let index = 0;
    for (;;) {
      let first = index;
      const left = 2 * index + 1;
      if (this.#isBefore(left, first)) first = left;
      if (this.#isBefore(left + 1, first)) first = left + 1;
      if (first === index) return;
      this.#swap(index, first);
      index = first;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const one = this.#heap[a];
    const other = this.#heap[b];
    if (one === undefined || other === undefined) return false;
    return one.at < other.at || one.at === other.at && one.order < other.order;
  }

  #swap(a: number, b: number): void {
    const one = this.#heap[a];
    const other = this.#heap[b];
    if (one === undefined || other === undefined) return;
    this.#heap[a] = other;
    this.#heap[b] = one;
  }
}
