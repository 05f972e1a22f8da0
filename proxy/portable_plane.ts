/**
 * The data plane for every platform: two read/write loops over `Deno.Conn`. A
 * loop reads again only after everything was written, which is all the
 * back-pressure there is and all that is needed.
 */
import type { Clock } from "../lib/ports/clock.ts";
import { type ByteStream, closeQuietly, writeAll } from "./byte_stream.ts";
import type { DataPlane, Relay, RelayEnd, RelayMeter } from "./data_plane.ts";
import { Turns } from "./turns.ts";

/** Buffers start small, because most sessions are idle, and grow with use. */
const BUFFER_BYTES_MIN = 8 * 1024;
const BUFFER_BYTES_MAX = 128 * 1024;

/**
 * A backend that has ended its half is done with the session; a client that
 * still does not end its own half is not waited for longer than this.
 */
const CLIENT_LINGER_MS = 10_000;

type PumpEnd = "ended" | "read_failed" | "write_failed";

/** What all its relays share. */
interface PortableTools {
  readonly clock: Clock;
  /** How long a turn is held back. */
  readonly turnHoldMs: number;
}

/** A data plane with the runtime's own sockets. */
export class PortablePlane implements DataPlane {
  readonly #tools: PortableTools;

  constructor(tools: PortableTools) {
    this.#tools = tools;
  }

  relay(client: ByteStream, backend: ByteStream, meter: RelayMeter): Relay {
    return new PortableRelay({ client, backend, meter, ...this.#tools });
  }
}

interface RelayParts extends PortableTools {
  readonly client: ByteStream;
  readonly backend: ByteStream;
  readonly meter: RelayMeter;
}

/** What becomes of bytes that were read. */
type Passage = "pass" | "drop";

class PortableRelay implements Relay {
  readonly ended: Promise<RelayEnd>;
  readonly #parts: RelayParts;
  readonly #closing = new AbortController();
  #cause: RelayEnd | null = null;
  /** Null: turns are not held. */
  #turns: Turns | null = null;
  /** Ends the wait of a client before its turn. */
  #waiting: AbortController | null = null;
  #hasBackendEnded = false;

  constructor(parts: RelayParts) {
    this.#parts = parts;
    this.ended = this.#run();
  }

  cut(): void {
    this.#close("cut");
  }

  holdTurns(): void {
    if (this.#cause === null) this.#turns ??= new Turns();
  }

  freeTurns(): void {
    if (this.#hasBackendEnded) return;
    this.#turns = null;
    this.#waiting?.abort();
  }

  async #run(): Promise<RelayEnd> {
    const { client, backend, meter } = this.#parts;
    const up = pump(client, backend, {
      onRead: () => this.#turns === null ? "pass" : this.#turn(this.#turns),
      onMoved: (bytes) => meter.sent(bytes),
    }).then((end) => this.#onUpEnd(end));
    const down = pump(backend, client, {
      onRead: (bytes) => {
        this.#turns?.onAnswer(bytes, bytes.length);
        return "pass";
      },
      onMoved: (bytes) => meter.received(bytes),
    }).then((end) => this.#onDownEnd(end));
    await Promise.all([up, down]);
    this.#close("ended");
    return this.#cause ?? "ended";
  }

  /** Before bytes of the client go on while its turns are held. */
  async #turn(turns: Turns): Promise<Passage> {
    if (turns.mustWait && !this.#hasBackendEnded) {
      const { clock, turnHoldMs } = this.#parts;
      const waiting = new AbortController();
      this.#waiting = waiting;
      await clock.sleep(turnHoldMs, waiting.signal);
      this.#waiting = null;
      turns.onWaited();
    }
    // A backend that has ended would not tell the client that nothing was done.
    return this.#hasBackendEnded ? "drop" : "pass";
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
    this.#hasBackendEnded = true;
    this.#waiting?.abort();
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
    this.#waiting?.abort();
  }
}

interface PumpHooks {
  /** Asked before bytes go on. */
  readonly onRead: (bytes: Uint8Array) => Passage | Promise<Passage>;
  readonly onMoved: (bytes: number) => void;
}

async function pump(
  from: ByteStream,
  to: ByteStream,
  { onRead, onMoved }: PumpHooks,
): Promise<PumpEnd> {
  let buffer = new Uint8Array(BUFFER_BYTES_MIN);
  while (true) {
    const length = await from.read(buffer).catch(() => "failed" as const);
    if (length === "failed") return "read_failed";
    const bytes = buffer.subarray(0, length ?? 0);
    // No promise, no turn of the runtime, unless there is one to wait for.
    const passage = length === null ? "pass" : onRead(bytes);
    if ((passage === "pass" ? passage : await passage) === "drop") continue;
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
