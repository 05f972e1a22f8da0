/**
 * All states that were visited, each in full and once: rows of one width in large
 * blocks, found by open addressing. Nothing rests on a hash alone.
 */

const ROWS_PER_BLOCK = 1 << 16;

/** A set of byte rows that remembers how each was reached. */
export class StateTable {
  readonly #width: number;
  readonly #blocks: Int32Array[] = [];
  #slots = new Int32Array(1 << 20).fill(-1);
  readonly #from: number[] = [];
  readonly #why: string[] = [];
  #size = 0;

  /** @param bytes Of one row; a multiple of 4. */
  constructor(bytes: number) {
    this.#width = bytes / 4;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a row; false if it is known. */
  add(row: Int32Array, from: number, why: string): boolean {
    if (this.#size * 2 > this.#slots.length) this.#grow();
    const slot = this.#find(row);
    if (this.#slots[slot] !== -1) return false;
    this.#slots[slot] = this.#size;
    const block = Math.floor(this.#size / ROWS_PER_BLOCK);
    this.#blocks[block] ??= new Int32Array(ROWS_PER_BLOCK * this.#width);
    this.#blocks[block].set(row, (this.#size % ROWS_PER_BLOCK) * this.#width);
    this.#from.push(from);
    this.#why.push(why);
    this.#size++;
    return true;
  }

  /** The row of that number, in the order of discovery; valid until the next call. */
  row(index: number): Int32Array {
    const at = (index % ROWS_PER_BLOCK) * this.#width;
    const block = this.#blocks[Math.floor(index / ROWS_PER_BLOCK)];
    return block?.subarray(at, at + this.#width) ?? new Int32Array();
  }

  /** The steps that lead from the start to that state. */
  pathTo(index: number): readonly string[] {
    const path: string[] = [];
    for (let at = index; at > 0; at = this.#from[at] ?? 0) {
      path.unshift(this.#why[at] ?? "");
    }
    return path;
  }

  /** The slot of the row, or the free one where it belongs. */
  #find(row: Int32Array): number {
    const mask = this.#slots.length - 1;
    for (let slot = hashOf(row) & mask;; slot = (slot + 1) & mask) {
      const index = this.#slots[slot] ?? -1;
      if (index === -1 || this.#isEqual(index, row)) return slot;
    }
  }

  #isEqual(index: number, row: Int32Array): boolean {
    const block = this.#blocks[Math.floor(index / ROWS_PER_BLOCK)];
    const at = (index % ROWS_PER_BLOCK) * this.#width;
    if (block === undefined) return false;
    for (let i = 0; i < this.#width; i++) {
      if (block[at + i] !== row[i]) return false;
    }
    return true;
  }

  #grow(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(-1);
    for (let index = 0; index < this.#size; index++) {
      this.#slots[this.#find(this.row(index))] = index;
    }
  }
}

function hashOf(row: Int32Array): number {
  let hash = 0x811c9dc5;
  for (const word of row) {
    hash = Math.imul(hash ^ word, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}
