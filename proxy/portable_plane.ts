/**
 * The data plane for every platform: two read/write loops over `Deno.Conn`. A
 * loop reads again only after everything was written, which is all the
 * back-pressure there is and all that is needed.
 */
import type { Clock } from "../lib/ports/clock.ts";
import type {
  ByteStream,
  DataPlane,
  Relay,
  RelayEnd,
  RelayMeter,
} from "./data_plane.ts";

/** Buffers start small, because most sessions are idle, and grow with use. */
const BUFFER_BYTES_MIN = 8 * 1024;
const BUFFER_BYTES_MAX = 128 * 1024;

/**
 * A backend that has ended its half is done with the session; a client that
 * still does not end its own half is not waited for longer than this.
 */
const CLIENT_LINGER_MS = 10_000;

type PumpEnd = "ended" | "read_failed" | "write_failed";

/** See the head of this file. */
export class PortablePlane implements DataPlane {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  relay(client: ByteStream, backend: ByteStream, meter: RelayMeter): Relay {
    return new PortableRelay({ client, backend, meter, clock: this.#clock });
  }
}

interface RelayParts {
  readonly client: ByteStream;
  readonly backend: ByteStream;
  readonly meter: RelayMeter;
  readonly clock: Clock;
}

class PortableRelay implements Relay {
  readonly ended: Promise<RelayEnd>;
  readonly #parts: RelayParts;
  readonly #closing = new AbortController();
  #cause: RelayEnd | null = null;

  constructor(parts: RelayParts) {
    this.#parts = parts;
    this.ended = this.#run();
  }

  cut(): void {
    this.#close("cut");
  }

  async #run(): Promise<RelayEnd> {
    const { client, backend, meter } = this.#parts;
    const up = pump(client, backend, (bytes) => meter.sent(bytes))
      .then((end) => this.#onUpEnd(end));
    const down = pump(backend, client, (bytes) => meter.received(bytes))
      .then((end) => this.#onDownEnd(end));
    await Promise.all([up, down]);
    this.#close("ended");
    return this.#cause ?? "ended";
  }

  #onUpEnd(end: PumpEnd): Promise<void> | void {
    if (end === "read_failed") return this.#close("client_lost");
    // The backend takes no more, but may have said why: that is still passed
    // on, within a bound.
    if (end === "write_failed") return this.#closeLater("backend_lost");
  }

  #onDownEnd(end: PumpEnd): Promise<void> | void {
    if (end === "read_failed") return this.#close("backend_lost");
    if (end === "write_failed") return this.#close("client_lost");
    return this.#closeLater("ended");
  }

  /** Not awaited by the other half: it only bounds how long that may take. */
  #closeLater(cause: RelayEnd): void {
    this.#parts.clock.sleep(CLIENT_LINGER_MS, this.#closing.signal)
      .then(() => this.#close(cause));
  }

  #close(cause: RelayEnd): void {
    if (this.#cause !== null) return;
    this.#cause = cause;
    closeQuietly(this.#parts.client);
    closeQuietly(this.#parts.backend);
    this.#closing.abort();
  }
}

async function pump(
  from: ByteStream,
  to: ByteStream,
  onMoved: (bytes: number) => void,
): Promise<PumpEnd> {
  let buffer = new Uint8Array(BUFFER_BYTES_MIN);
  while (true) {
    const length = await from.read(buffer).catch(() => "failed" as const);
    if (length === "failed") return "read_failed";
    const bytes = buffer.subarray(0, length ?? 0);
    try {
      if (length === null) await to.closeWrite();
      else await writeAll(to, bytes);
    } catch {
      return "write_failed";
    }
    if (length === null) return "ended";
    onMoved(length);
    if (length === buffer.length && length < BUFFER_BYTES_MAX) {
      buffer = new Uint8Array(length * 2);
    }
  }
}

/** Writes all of `bytes`, however many writes it takes. */
export async function writeAll(
  to: ByteStream,
  bytes: Uint8Array,
): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += await to.write(written === 0 ? bytes : bytes.subarray(written));
  }
}

/** Closes a stream that may be closed already. */
export function closeQuietly(stream: { close(): void }): void {
  try {
    stream.close();
  } catch {
    // Closed before: what was wanted.
  }
}
