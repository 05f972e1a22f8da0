/**
 * The few calls of the C library that a device file needs and Deno has none for.
 * `ioctl` takes its third argument by address; on Linux x86-64 and arm64 that is
 * passed like any other pointer.
 */

const SYMBOLS = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  ioctl: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
} as const;

const O_WRONLY = 0o1;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

/** Names of the error numbers that a device may answer with. Source: asm-generic/errno-base.h. */
const ERRNO: Readonly<Record<number, string>> = {
  1: "EPERM (not permitted)",
  2: "ENOENT (no such file)",
  5: "EIO (input/output error)",
  6: "ENXIO (no device, or nobody reads the pipe)",
  11: "EAGAIN (not ready)",
  13: "EACCES (permission denied)",
  16: "EBUSY (another program has it open)",
  19: "ENODEV (no such device)",
  22: "EINVAL (invalid argument)",
  25: "ENOTTY (not a watchdog)",
  32: "EPIPE (the reader is gone)",
  95: "EOPNOTSUPP (not supported)",
};

/** A call that failed, by its error number. */
export interface LibcFailure {
  readonly kind: "failed";
  readonly errno: number;
  readonly text: string;
}

/** What a call gave: a number of its own meaning, or a failure. */
export type LibcResult =
  | { readonly kind: "done"; readonly value: number }
  | LibcFailure;

/** The C library of this process. */
export class Libc {
  readonly #library: Deno.DynamicLibrary<typeof SYMBOLS>;

  constructor() {
    this.#library = Deno.dlopen("libc.so.6", SYMBOLS);
  }

  /** Opens for writing, without waiting for anybody; the value is the descriptor. */
  openForWriting(path: string): LibcResult {
    const bytes = new TextEncoder().encode(`${path}\0`);
    const flags = O_WRONLY | O_NONBLOCK | O_CLOEXEC;
    return this.#judge(this.#library.symbols.open(bytes, flags));
  }

  write(descriptor: number, text: string): LibcResult {
    const bytes = new TextEncoder().encode(text);
    const length = BigInt(bytes.length);
    return this.#judge(
      Number(this.#library.symbols.write(descriptor, bytes, length)),
    );
  }

  /** `data` is read and written by the driver. */
  ioctl(
    descriptor: number,
    request: number,
    data: Uint8Array<ArrayBuffer>,
  ): LibcResult {
    const { ioctl } = this.#library.symbols;
    return this.#judge(ioctl(descriptor, BigInt(request), data));
  }

  closeDescriptor(descriptor: number): void {
    this.#library.symbols.close(descriptor);
  }

  /** Lets the library go. */
  close(): void {
    this.#library.close();
  }

  #judge(value: number): LibcResult {
    if (value >= 0) return { kind: "done", value };
    const errno = this.#errno();
    return {
      kind: "failed",
      errno,
      text: ERRNO[errno] ?? `error number ${errno}`,
    };
  }

  #errno(): number {
    const place = this.#library.symbols.__errno_location();
    return place === null ? 0 : new Deno.UnsafePointerView(place).getInt32();
  }
}
