/**
 * The end of a process by the kernel's own word: a thread rests in `poll` on a
 * descriptor of that process, so nobody looks again and again. Where the kernel
 * or the C library has no such thing, the caller has to look by itself.
 *
 * Source: Linux manual, pidfd_open(2), poll(2), eventfd(2); the numbers are those
 * of x86_64 and aarch64.
 */

const SYMBOLS = {
  pidfd_open: {
    name: "syscall",
    parameters: ["i32", "i32", "u32"],
    result: "i32",
  },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  poll: {
    parameters: ["buffer", "usize", "i32"],
    result: "i32",
    nonblocking: true,
  },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

const SYS_PIDFD_OPEN = 434;
const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;
const POLLIN = 1;
const FOREVER = -1;

type Library = Deno.DynamicLibrary<typeof SYMBOLS>;

/** A process that is waited for. It may have ended already, but no other one has its number. */
export class ProcessEnd {
  readonly #library: Library;
  readonly #process: number;
  readonly #cancel: number;

  private constructor(
    library: Library,
    descriptors: { readonly process: number; readonly cancel: number },
  ) {
    this.#library = library;
    this.#process = descriptors.process;
    this.#cancel = descriptors.cancel;
  }

  /** Null if there is no such process, or if the kernel does not tell. Close it. */
  static open(pid: number): ProcessEnd | null {
    const library = openLibrary();
    if (library === null) return null;
    const { pidfd_open, eventfd, close } = library.symbols;
    const process = pidfd_open(SYS_PIDFD_OPEN, pid, 0);
    const cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (process >= 0 && cancel >= 0) {
      return new ProcessEnd(library, { process, cancel });
    }
    for (const one of [process, cancel]) if (one >= 0) close(one);
    library.close();
    return null;
  }

  /**
   * Resolves when the process has ended or `signal` aborts. Call it once.
   *
   * @returns False if the kernel ended the wait without a reason: look, and go on.
   */
  async wait(signal: AbortSignal): Promise<boolean> {
    const { poll, write } = this.#library.symbols;
    const one = new Uint8Array(new BigUint64Array([1n]).buffer);
    const cancel = (): void => {
      write(this.#cancel, one, BigInt(one.length));
    };
    signal.addEventListener("abort", cancel);
    if (signal.aborted) cancel();
    try {
      const places = pollPlaces([this.#process, this.#cancel]);
      return await poll(places, 2n, FOREVER) > 0;
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }

  close(): void {
    const { close } = this.#library.symbols;
    close(this.#process);
    close(this.#cancel);
    this.#library.close();
  }
}

function openLibrary(): Library | null {
  try {
    return Deno.dlopen("libc.so.6", SYMBOLS);
  } catch {
    return null;
  }
}

/** `struct pollfd`: a descriptor of 4 bytes, what is wanted and what came, of 2 each. */
function pollPlaces(descriptors: readonly number[]): Uint8Array<ArrayBuffer> {
  const places = new Uint8Array(8 * descriptors.length);
  const view = new DataView(places.buffer);
  for (const [at, descriptor] of descriptors.entries()) {
    view.setInt32(8 * at, descriptor, true);
    view.setInt16(8 * at + 4, POLLIN, true);
  }
  return places;
}
