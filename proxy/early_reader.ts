/**
 * Notices that a client went away while it waits. A socket tells that only to
 * someone who reads, so this reads ahead, keeps the bytes (a startup packet's
 * worth at most) and hands them out first, in order and untouched: for the
 * backend nothing differs, and TLS stays end to end.
 */
import type { ByteStream } from "./data_plane.ts";
import { STARTUP_BYTES_MAX } from "./startup.ts";

/** A client whose first bytes may have been read already. */
export class EarlyReader implements ByteStream {
  readonly #client: ByteStream;
  readonly #kept = new Uint8Array(STARTUP_BYTES_MAX);
  #filled = 0;
  #taken = 0;
  #pending: Promise<number | null> | null = null;
  #isReleased = false;

  constructor(client: ByteStream) {
    this.#client = client;
  }

  /** Reads ahead until someone else reads; calls `onGone` when the client ended. */
  async watch(onGone: () => void): Promise<void> {
    while (!this.#isReleased && this.#filled < this.#kept.length) {
      const length = await this.#ahead().catch(() => null);
      if (this.#isReleased) return;
      if (length === null) return onGone();
    }
  }

  async read(into: Uint8Array): Promise<number | null> {
    this.#isReleased = true;
    if (this.#taken === this.#filled && this.#pending !== null) {
      const length = await this.#pending;
      if (length === null) return null;
    }
    const length = Math.min(into.length, this.#filled - this.#taken);
    if (length === 0) return this.#client.read(into);
    into.set(this.#kept.subarray(this.#taken, this.#taken + length));
    this.#taken += length;
    return length;
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#client.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#client.closeWrite();
  }

  close(): void {
    this.#client.close();
  }

  #ahead(): Promise<number | null> {
    const read = this.#client.read(this.#kept.subarray(this.#filled))
      .then((length) => {
        this.#filled += length ?? 0;
        return length;
      })
      .finally(() => {
        this.#pending = null;
      });
    this.#pending = read;
    return read;
  }
}
