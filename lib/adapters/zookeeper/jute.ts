/**
 * ZooKeeper's own encoding (jute): big-endian numbers, texts and buffers behind
 * their length. A reader trusts no length that it reads: nothing is set aside
 * for what has not come.
 *
 * Source: ZooKeeper 3.8 `zookeeper.jute`, `BinaryInputArchive.java`.
 */

/** Bytes that no ZooKeeper sends. */
export class WireError extends Error {
  override readonly name = "WireError";
}

const START_BYTES = 512;
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();
/** A length that stands for null. */
const NONE = -1;

/** Puts one frame together. */
export class JuteWriter {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(START_BYTES);
  /** The first four are the frame's own length. */
  #length = 4;

  int(value: number): this {
    const at = this.#grow(4);
    new DataView(this.#bytes.buffer).setInt32(at, value);
    return this;
  }

  long(value: bigint): this {
    const at = this.#grow(8);
    new DataView(this.#bytes.buffer).setBigInt64(at, value);
    return this;
  }

  bool(value: boolean): this {
    const at = this.#grow(1);
    this.#bytes[at] = value ? 1 : 0;
    return this;
  }

  buffer(value: Uint8Array): this {
    this.int(value.length);
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  text(value: string): this {
    return this.buffer(ENCODER.encode(value));
  }

  /** The frame, with its length in front. */
  frame(): Uint8Array {
    new DataView(this.#bytes.buffer).setInt32(0, this.#length - 4);
    return this.#bytes.slice(0, this.#length);
  }

  /** Makes room and returns where it begins. */
  #grow(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(this.#length * 2);
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
    }
    return at;
  }
}

/** Takes one frame apart; every method throws {@link WireError} at its end. */
export class JuteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    const { buffer, byteOffset, byteLength } = bytes;
    this.#view = new DataView(buffer, byteOffset, byteLength);
  }

  /** Bytes that have not been read. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  int(): number {
    return this.#view.getInt32(this.#skip(4));
  }

  long(): bigint {
    return this.#view.getBigInt64(this.#skip(8));
  }

  bool(): boolean {
    return this.#view.getUint8(this.#skip(1)) !== 0;
  }

  /** A view of the frame; null is read as empty. */
  buffer(): Uint8Array {
    const length = this.#length();
    const at = this.#skip(length);
    return this.#bytes.subarray(at, at + length);
  }

  text(): string {
    return DECODER.decode(this.buffer());
  }

  texts(): readonly string[] {
    // Each has a length of its own, so a count cannot promise more than there is.
    const count = this.#length();
    if (count * 4 > this.left) throw new WireError("a list is cut off");
    return Array.from({ length: count }, () => this.text());
  }

  #length(): number {
    const length = this.int();
    if (length < NONE) throw new WireError("a length is negative");
    return Math.max(0, length);
  }

  #skip(count: number): number {
    if (count > this.left) throw new WireError("a frame is cut off");
    const at = this.#at;
    this.#at += count;
    return at;
  }
}
