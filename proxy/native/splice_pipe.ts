/**
 * Kernel pipes through which large results pass without being copied into this
 * process (`splice`). A pipe is lent to one direction of one session while much
 * flows there.
 */
import { FLAG, type Libc } from "./libc.ts";

/** So many may be lent at once per thread; everybody else copies. */
const LENT_MAX = 64;
/** All of them together stay below what one unprivileged user may have. */
const PIPE_BYTES = 512 * 1024;
const SET_PIPE_SIZE = 1031;
const SPLICE_FLAGS = FLAG.spliceMove | FLAG.spliceNonBlocking;

/** See the head of this file. */
export class SplicePipe {
  /** Bytes inside. */
  held = 0;
  readonly #libc: Libc;
  readonly #readEnd: number;
  readonly #writeEnd: number;

  private constructor(libc: Libc, readEnd: number, writeEnd: number) {
    this.#libc = libc;
    this.#readEnd = readEnd;
    this.#writeEnd = writeEnd;
  }

  /** Null if none is to be had, or only a small one. */
  static open(libc: Libc): SplicePipe | null {
    const ends = new Int32Array(2);
    const flags = FLAG.nonBlocking | FLAG.closeOnExec;
    if (libc.pipe2(ends, flags) < 0) return null;
    const [readEnd = -1, writeEnd = -1] = ends;
    const pipe = new SplicePipe(libc, readEnd, writeEnd);
    if (libc.fcntl(readEnd, SET_PIPE_SIZE, PIPE_BYTES) >= 0) return pipe;
    pipe.close();
    return null;
  }

  /** Takes what a socket has received. @returns As `recv` does. */
  fill(socket: number): number {
    const count = this.#libc.splice(
      ...[socket, null, this.#writeEnd, null] as const,
      ...[PIPE_BYTES, SPLICE_FLAGS] as const,
    );
    if (count > 0) this.held += count;
    return count;
  }

  /** Gives what it holds to a socket, or a part. @returns As `send` does. */
  drain(socket: number): number {
    const count = this.#libc.splice(
      ...[this.#readEnd, null, socket, null] as const,
      ...[this.held, SPLICE_FLAGS] as const,
    );
    if (count > 0) this.held -= count;
    return count;
  }

  close(): void {
    this.#libc.close(this.#readEnd);
    this.#libc.close(this.#writeEnd);
  }
}

/** The pipes of a thread. */
export class SplicePipes {
  readonly #libc: Libc;
  readonly #idle: SplicePipe[] = [];
  #lent = 0;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** Null if none is to be had. */
  borrow(): SplicePipe | null {
    if (this.#lent >= LENT_MAX) return null;
    const pipe = this.#idle.pop() ?? SplicePipe.open(this.#libc);
    if (pipe !== null) this.#lent++;
    return pipe;
  }

  /** One that still holds bytes is closed. */
  giveBack(pipe: SplicePipe): void {
    this.#lent--;
    if (pipe.held === 0) this.#idle.push(pipe);
    else pipe.close();
  }

  close(): void {
    for (const pipe of this.#idle.splice(0)) pipe.close();
  }
}
