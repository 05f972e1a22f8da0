/** A stream of bytes as frames: each behind its length, a number of four bytes. */
import { WireError } from "./jute.ts";

const HEAD_BYTES = 4;
const START_BYTES = 4096;

/**
 * Cuts a stream into frames. Memory grows with what has come, not with what a
 * length promises.
 */
export class FrameSplitter {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(START_BYTES);
  /** What has come and belongs to no frame yet lies from here ... */
  #start = 0;
  /** ... to here. */
  #end = 0;

  /**
   * The frames that are whole with this chunk.
   *
   * @param lengthMax A longer frame is refused before it has come.
   * @throws {WireError} If a length is negative or too large.
   */
  push(chunk: Uint8Array, lengthMax: number): readonly Uint8Array[] {
    this.#append(chunk);
    const frames: Uint8Array[] = [];
    for (;;) {
      const length = this.#frameLength(lengthMax);
      const has = this.#end - this.#start - HEAD_BYTES;
      if (length === null || has < length) return frames;
      const begin = this.#start + HEAD_BYTES;
      frames.push(this.#bytes.slice(begin, begin + length));
      this.#start = begin + length;
    }
  }

  #append(chunk: Uint8Array): void {
    const kept = this.#end - this.#start;
    const needed = kept + chunk.length;
    if (this.#end + chunk.length > this.#bytes.length) {
      const isLarger = needed * 2 > this.#bytes.length;
      const to = isLarger ? new Uint8Array(needed * 2) : this.#bytes;
      to.set(this.#bytes.subarray(this.#start, this.#end));
      this.#bytes = to;
      this.#start = 0;
      this.#end = kept;
    }
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  #frameLength(lengthMax: number): number | null {
    if (this.#end - this.#start < HEAD_BYTES) return null;
    const length = new DataView(this.#bytes.buffer).getInt32(this.#start);
    if (length < 0 || length > lengthMax) {
      throw new WireError(`a frame of ${length} bytes`);
    }
    return length;
  }
}
