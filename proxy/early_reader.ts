/**
 * A client before it is joined to a backend. It reads the client's first packet
 * and, while the client waits, notices that it went away: a socket tells that
 * only to someone who reads. What it reads it keeps (a startup packet's worth
 * at most) and hands on first, in order and untouched: for the backend nothing
 * differs, and TLS stays end to end.
 */
import type { ByteStream } from "./byte_stream.ts";
import { type ProxyHeader, proxyHeader } from "./proxy_header.ts";
import { type FirstPacket, firstPacket, STARTUP_BYTES_MAX } from "./startup.ts";

/** Most startup packets fit. */
const KEPT_BYTES_MIN = 512;
const NOTHING = new Uint8Array(0);

/** A client whose first bytes have been read already. */
export class EarlyReader implements ByteStream {
  readonly #client: ByteStream;
  #kept = new Uint8Array(KEPT_BYTES_MIN);
  #filled = 0;
  #taken = 0;
  #pending: Promise<number | null> | null = null;
  #isReleased = false;

  constructor(client: ByteStream) {
    this.#client = client;
  }

  /** Reads until the first packet is whole; "gone" if the client ends before. */
  async opening(): Promise<Exclude<FirstPacket, "incomplete"> | "gone"> {
    while (true) {
      const packet = firstPacket(this.ahead);
      if (packet !== "incomplete") return packet;
      const length = await this.#ahead().catch(() => null);
      if (length === null) return "gone";
    }
  }

  /**
   * Reads what a load balancer says before its client does, and forgets it; null
   * if that is no such header, or if it ended before.
   */
  async header(): Promise<Extract<ProxyHeader, { kind: "header" }> | null> {
    while (true) {
      const header = proxyHeader(this.ahead);
      if (header.kind === "garbage") return null;
      if (header.kind === "header") {
        this.skip(header.bytes);
        return header;
      }
      const length = await this.#ahead().catch(() => null);
      if (length === null) return null;
    }
  }

  /** What has been read so far; only to be looked at, and at once. */
  get ahead(): Uint8Array {
    return this.#kept.subarray(this.#taken, this.#filled);
  }

  /** Forgets the first bytes of what was kept: they were for the proxy. */
  skip(length: number): void {
    this.#taken = Math.min(this.#filled, this.#taken + length);
  }

  /** Reads ahead until someone else reads; calls `onGone` when the client ended. */
  async watch(onGone: () => void): Promise<void> {
    while (!this.#isReleased && this.#filled < STARTUP_BYTES_MAX) {
      const length = await this.#ahead().catch(() => null);
      if (this.#isReleased) return;
      if (length === null) return onGone();
    }
  }

  /** Ends the reading ahead: what was kept, now the caller's, and the client for all that follows. */
  surrender(): {
    readonly kept: Uint8Array<ArrayBuffer>;
    readonly client: ByteStream;
  } {
    this.#isReleased = true;
    const kept = this.#kept.subarray(this.#taken, this.#filled);
    this.#forget();
    return { kept, client: this.#client };
  }

  async read(into: Uint8Array): Promise<number | null> {
    this.#isReleased = true;
    if (this.#taken === this.#filled && this.#pending !== null) {
      const length = await this.#pending;
      if (length === null) return null;
    }
    const length = Math.min(into.length, this.#filled - this.#taken);
    if (length === 0) {
      this.#forget();
      return await this.#client.read(into);
    }
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

  #forget(): void {
    this.#kept = NOTHING;
    this.#filled = 0;
    this.#taken = 0;
  }

  #ahead(): Promise<number | null> {
    this.#grow();
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

  #grow(): void {
    if (this.#filled < this.#kept.length) return;
    const size = Math.min(this.#kept.length * 4, STARTUP_BYTES_MAX);
    const larger = new Uint8Array(size);
    larger.set(this.#kept);
    this.#kept = larger;
  }
}
