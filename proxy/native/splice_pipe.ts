/**
 * Kernel pipes through which large results pass without being copied into this
 * process (`splice`). A pipe is lent to one direction of one session while much
 * flows there, and comes back empty.
 */
import { FLAG, type Libc } from "./libc.ts";

/** So many may be lent at once per thread; everybody else copies. */
const LENT_MAX = 64;

/** A pipe with what it holds. */
export interface SplicePipe {
  readonly readEnd: number;
  readonly writeEnd: number;
  /** Bytes inside. */
  held: number;
}

/** See the head of this file. */
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
    const pipe = this.#idle.pop() ?? this.#make();
    if (pipe !== null) this.#lent++;
    return pipe;
  }

  /** One that still holds bytes is closed. */
  giveBack(pipe: SplicePipe): void {
    this.#lent--;
    if (pipe.held === 0) this.#idle.push(pipe);
    else this.#close(pipe);
  }

  close(): void {
    for (const pipe of this.#idle.splice(0)) this.#close(pipe);
  }

  #make(): SplicePipe | null {
    const ends = new Int32Array(2);
    const flags = FLAG.nonBlocking | FLAG.closeOnExec;
    if (this.#libc.pipe2(ends, flags) < 0) return null;
    const [readEnd = -1, writeEnd = -1] = ends;
    return { readEnd, writeEnd, held: 0 };
  }

  #close(pipe: SplicePipe): void {
    this.#libc.close(pipe.readEnd);
    this.#libc.close(pipe.writeEnd);
  }
}
