/**
 * The calls of the C library that the native front is made of. Sizes and results
 * are declared as 32-bit numbers: all lengths here are far below 2^31, and 64-bit
 * ones would come back as bigints, which cost an allocation per call.
 *
 * Source: Linux manual, sections 2 and 7 (socket, tcp, epoll, eventfd);
 * the library has no functions of its own for io_uring, whose calls begin with
 * their number;
 * numbers from Linux `include/uapi`, the same on x86_64 and aarch64.
 */

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  accept4: {
    parameters: ["i32", "buffer", "buffer", "i32"],
    result: "i32",
  },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "buffer"],
    result: "i32",
  },
  setsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "u32"],
    result: "i32",
  },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  dup: { parameters: ["i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  sendmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  recvmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  pipe2: { parameters: ["buffer", "i32"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  mmap: {
    parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"],
    result: "pointer",
  },
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  io_uring_setup: {
    name: "syscall",
    parameters: ["i32", "u32", "buffer"],
    result: "i32",
  },
  io_uring_enter: {
    name: "syscall",
    parameters: ["i32", "i32", "u32", "u32", "u32", "pointer", "u32"],
    result: "i32",
  },
  __errno_location: { parameters: [], result: "pointer" },
} as const;

type Symbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** glibc's name; where the C library is another one, the native front is not used. */
const LIBRARY = "libc.so.6";

/** Error numbers that have a meaning here. */
export const ERRNO = {
  interrupted: 4,
  again: 11,
  tooManyFilesInSystem: 23,
  tooManyFiles: 24,
  inUse: 98,
  aborted: 103,
  already: 114,
  inProgress: 115,
} as const;

/** `epoll` conditions. */
export const READY = {
  in: 0x1,
  out: 0x4,
  error: 0x8,
  hangUp: 0x10,
  exclusive: 0x10000000,
} as const;

/** Flags and names of options, as the kernel knows them. */
export const FLAG = {
  stream: 1,
  datagram: 2,
  nonBlocking: 0o4000,
  closeOnExec: 0o2000000,
  dontWait: 0x40,
  noSignal: 0x4000,
  closeOnExecReceived: 0x40000000,
  shutdownWrite: 1,
} as const;

/** The library, loaded for the calling thread. */
export interface Libc extends Symbols {
  /** The error of the last call that failed, on this thread. */
  errno(): number;
  /** After this nothing may be called. */
  unload(): void;
}

/** Null where the C library cannot be called: another system, or no permission. */
export function loadLibc(): Libc | null {
  if (Deno.build.os !== "linux") return null;
  try {
    const library = Deno.dlopen(LIBRARY, SYMBOLS);
    const { symbols } = library;
    const location = symbols.__errno_location();
    if (location === null) return null;
    const view = new Deno.UnsafePointerView(location);
    const errno = (): number => view.getInt32();
    return { ...symbols, errno, unload: () => library.close() };
  } catch {
    return null;
  }
}
