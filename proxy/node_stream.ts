/** The two kinds of streams in terms of each other: the proxy's and those of node's modules. */
import { Duplex } from "node:stream";
import { type ByteStream, closeQuietly, writeAll } from "./byte_stream.ts";

const BUFFER_BYTES_MIN = 4 * 1024;
const BUFFER_BYTES_MAX = 64 * 1024;

/** A stream of node as one of the proxy's. It is read by nobody else. */
export class NodeStream implements ByteStream {
  readonly #stream: Duplex;
  #hasEnded = false;
  #wake: () => void = () => {};
  /** Nobody answers for what was being written when a connection is closed. */
  #failWrite: () => void = () => {};

  constructor(stream: Duplex) {
    this.#stream = stream;
    const wake = (): void => this.#wake();
    stream.on("readable", wake).on("error", wake).on("close", wake);
    stream.on("close", () => this.#failWrite());
    stream.on("end", () => {
      this.#hasEnded = true;
      wake();
    });
  }

  async read(into: Uint8Array): Promise<number | null> {
    const stream = this.#stream;
    while (true) {
      const length = Math.min(into.length, stream.readableLength);
      const chunk: Uint8Array | null = stream.read(length);
      if (chunk !== null && chunk.length > 0) {
        into.set(chunk);
        return chunk.length;
      }
      if (this.#hasEnded) return null;
      if (stream.destroyed) throw new Error("the connection is closed");
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  write(bytes: Uint8Array): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const fail = (): void => reject(new Error("the connection is closed"));
    this.#failWrite = fail;
    if (this.#stream.destroyed) fail();
    // The caller may use its buffer again as soon as it goes on.
    this.#stream.write(bytes, (error) => {
      if (error) reject(error);
      else resolve(bytes.length);
    });
    return promise;
  }

  closeWrite(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#stream.once("close", () => resolve()).end(() => resolve());
    if (this.#stream.destroyed) resolve();
    return promise;
  }

  close(): void {
    this.#stream.destroy();
  }
}

/** A stream of the proxy as one of node's, for its TLS. It is read by nobody else. */
export function duplexOf(stream: ByteStream): Duplex {
  let size = BUFFER_BYTES_MIN;
  const read = async (duplex: Duplex): Promise<void> => {
    const buffer = new Uint8Array(size);
    const length = await stream.read(buffer);
    if (length === size && size < BUFFER_BYTES_MAX) size *= 2;
    duplex.push(length === null ? null : buffer.subarray(0, length));
  };
  return new Duplex({
    read() {
      read(this).catch((error) => this.destroy(error));
    },
    write(chunk: Uint8Array, _encoding, done) {
      writeAll(stream, chunk).then(() => done(), done);
    },
    final(done) {
      stream.closeWrite().then(() => done(), done);
    },
    destroy(error, done) {
      closeQuietly(stream);
      done(error);
    },
  });
}
