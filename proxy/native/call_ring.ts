/**
 * Many `recv` or `send` calls with one entry into the kernel, through io_uring.
 * Nothing is ever in flight: no call here may wait, so all of them are over when
 * `flush` returns, and descriptors and buffers belong to the caller again.
 *
 * Source: Linux manual, io_uring_setup(2) and io_uring_enter(2); numbers from
 * Linux `include/uapi/linux/io_uring.h`, the same on x86_64 and aarch64.
 */
import { ERRNO, FLAG, type Libc } from "./libc.ts";

/** Calls that one flush can make. */
export const SLOTS = 64;
/** Not a power of two, or all beginnings would share the same few cache lines. */
export const SLOT_BYTES = 16 * 1024 - 64;

const SETUP = 425;
const ENTER = 426;
/** One call that fails does not keep the others back. Since Linux 5.18. */
const SETUP_SUBMIT_ALL = 1 << 7;
const FEATURE_SINGLE_MMAP = 1;
const GET_EVENTS = 1;
const OP_SEND = 26;
const OP_RECEIVE = 27;
/** One for each slot to receive, one to send. */
const ENTRIES = 2 * SLOTS;
const ENTRY_WORDS = 16;
const ENTRIES_AT = 0x10000000;
const RESULT_WORDS = 4;
const PROTECT_READ_WRITE = 3;
const MAP_SHARED_POPULATED = 0x8001;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;
const WORD = 4;

/** `struct io_uring_params`, in 32-bit words. */
const PARAMS = {
  words: 30,
  entries: 0,
  results: 1,
  flags: 2,
  features: 5,
  submissions: { head: 10, tail: 11, mask: 12, array: 16 },
  completions: { head: 20, tail: 21, mask: 22, array: 25 },
} as const;

/** `struct io_uring_sqe`, in 32-bit words. */
const ENTRY = {
  operation: 0,
  fd: 1,
  address: 4,
  length: 6,
  callFlags: 7,
  userData: 8,
} as const;

/** What `flush` has not done, for want of memory or whatever: as if it were busy. */
const NOT_DONE = -ERRNO.again;

interface Rings {
  readonly fd: number;
  readonly words: Uint32Array;
  readonly entries: Uint32Array;
  readonly params: Uint32Array;
  close(): void;
}

/** Makes many `recv` or `send` calls with one system call. */
export class CallRing {
  /** What a slot has received, or is to send. */
  readonly buffers: readonly Uint8Array<ArrayBuffer>[];
  readonly #libc: Libc;
  readonly #rings: Rings;
  readonly #words: Uint32Array;
  readonly #entries: Uint32Array;
  readonly #results = new Int32Array(SLOTS);
  readonly #mask: number;
  /** Where in `#words` what is. */
  readonly #queue: number;
  readonly #tailAt: number;
  readonly #completionHeadAt: number;
  readonly #completionTailAt: number;
  readonly #completionMask: number;
  readonly #completions: number;
  #tail = 0;
  #queued = 0;

  private constructor(libc: Libc, rings: Rings) {
    const { words, entries, params } = rings;
    const at = (field: number): number => (params[field] ?? 0) / WORD;
    const { submissions, completions } = PARAMS;
    this.#libc = libc;
    this.#rings = rings;
    this.#words = words;
    this.#entries = entries;
    this.#mask = words[at(submissions.mask)] ?? 0;
    this.#queue = at(submissions.array);
    this.#tailAt = at(submissions.tail);
    this.#completionHeadAt = at(completions.head);
    this.#completionTailAt = at(completions.tail);
    this.#completionMask = words[at(completions.mask)] ?? 0;
    this.#completions = at(completions.array);
    const memory = new Uint8Array(SLOTS * SLOT_BYTES);
    this.buffers = Array.from(
      { length: SLOTS },
      (_, slot) => memory.subarray(slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES),
    );
    for (const [slot, buffer] of this.buffers.entries()) {
      this.#describe(slot, OP_RECEIVE, buffer);
      this.#describe(SLOTS + slot, OP_SEND, buffer);
    }
  }

  /** Null where the kernel is too old for it or does not let this process. */
  static open(libc: Libc): CallRing | null {
    const rings = openRings(libc);
    return rings === null ? null : new CallRing(libc, rings);
  }

  /** Whether `open` would give one. */
  static isPossible(libc: Libc): boolean {
    const rings = openRings(libc);
    rings?.close();
    return rings !== null;
  }

  /** Into the slot's buffer, as much as there is. */
  queueReceive(slot: number, fd: number): void {
    this.#push(slot, slot, fd);
  }

  /** The first `length` bytes of the slot's buffer. */
  queueSend(slot: number, fd: number, length: number): void {
    const entry = SLOTS + slot;
    this.#entries[entry * ENTRY_WORDS + ENTRY.length] = length;
    this.#push(entry, slot, fd);
  }

  /** Makes the calls that are queued, at most one per slot. */
  flush(): void {
    const count = this.#queued;
    if (count === 0) return;
    this.#queued = 0;
    const before = this.#words[this.#completionHeadAt] ?? 0;
    this.#words[this.#tailAt] = this.#tail;
    const { io_uring_enter } = this.#libc;
    const { fd } = this.#rings;
    const call = [ENTER, fd] as const;
    const taken = Math.max(
      0,
      io_uring_enter(...call, count, count, GET_EVENTS, null, 0),
    );
    // What the kernel did not take is not queued any more.
    this.#tail = (this.#tail - (count - taken)) >>> 0;
    this.#words[this.#tailAt] = this.#tail;
    while (this.#collect(before) < taken) {
      io_uring_enter(...call, 0, taken, GET_EVENTS, null, 0);
    }
  }

  /** Of the slot's last call: bytes, or the negative error number. */
  result(slot: number): number {
    return this.#results[slot] ?? NOT_DONE;
  }

  close(): void {
    this.#rings.close();
  }

  #describe(
    entry: number,
    operation: number,
    buffer: Uint8Array<ArrayBuffer>,
  ): void {
    const from = entry * ENTRY_WORDS;
    const address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer));
    const fields = this.#entries;
    fields[from + ENTRY.operation] = operation;
    fields[from + ENTRY.address] = Number(address & 0xffff_ffffn);
    fields[from + ENTRY.address + 1] = Number(address >> 32n);
    fields[from + ENTRY.length] = buffer.length;
    fields[from + ENTRY.callFlags] = FLAG.noSignal | FLAG.dontWait;
    fields[from + ENTRY.userData] = entry % SLOTS;
  }

  #push(entry: number, slot: number, fd: number): void {
    this.#entries[entry * ENTRY_WORDS + ENTRY.fd] = fd;
    this.#results[slot] = NOT_DONE;
    this.#words[this.#queue + (this.#tail & this.#mask)] = entry;
    this.#tail = (this.#tail + 1) >>> 0;
    this.#queued++;
  }

  /** @returns How many are over since the head was at `before`. */
  #collect(before: number): number {
    const words = this.#words;
    const tail = words[this.#completionTailAt] ?? 0;
    let head = words[this.#completionHeadAt] ?? 0;
    for (; head !== tail; head = (head + 1) >>> 0) {
      const at = this.#completions +
        (head & this.#completionMask) * RESULT_WORDS;
      this.#results[words[at] ?? 0] = words[at + 2] ?? 0;
    }
    words[this.#completionHeadAt] = head;
    return (head - before) >>> 0;
  }
}

function openRings(libc: Libc): Rings | null {
  const params = new Uint32Array(PARAMS.words);
  params[PARAMS.flags] = SETUP_SUBMIT_ALL;
  const fd = libc.io_uring_setup(SETUP, ENTRIES, params);
  if (fd < 0) return null;
  const queues = map(libc, fd, { bytes: queueBytes(params), at: 0 });
  const bytes = ENTRIES * ENTRY_WORDS * WORD;
  const entries = map(libc, fd, { bytes, at: ENTRIES_AT });
  const close = (): void => {
    queues?.unmap();
    entries?.unmap();
    libc.close(fd);
  };
  const has = (params[PARAMS.features] ?? 0) & FEATURE_SINGLE_MMAP;
  if (queues !== null && entries !== null && has !== 0) {
    return { fd, params, words: queues.words, entries: entries.words, close };
  }
  close();
  return null;
}

/** Both queues are one piece of memory. */
function queueBytes(params: Uint32Array): number {
  const { submissions, completions } = PARAMS;
  return Math.max(
    (params[submissions.array] ?? 0) + (params[PARAMS.entries] ?? 0) * WORD,
    (params[completions.array] ?? 0) +
      (params[PARAMS.results] ?? 0) * RESULT_WORDS * WORD,
  );
}

interface Mapping {
  readonly words: Uint32Array;
  unmap(): void;
}

function map(
  libc: Libc,
  fd: number,
  place: { readonly bytes: number; readonly at: number },
): Mapping | null {
  const bytes = BigInt(place.bytes);
  const pointer = libc.mmap(
    ...[null, bytes, PROTECT_READ_WRITE, MAP_SHARED_POPULATED] as const,
    ...[fd, BigInt(place.at)] as const,
  );
  const isMapped = pointer !== null &&
    Deno.UnsafePointer.value(pointer) !== MAP_FAILED;
  if (!isMapped) return null;
  const memory = Deno.UnsafePointerView.getArrayBuffer(pointer, place.bytes);
  const unmap = (): void => void libc.munmap(pointer, bytes);
  return { words: new Uint32Array(memory), unmap };
}
