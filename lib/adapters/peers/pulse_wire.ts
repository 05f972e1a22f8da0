/**
 * The bytes of a pulse's connection. Without TLS the runtime's own socket carries
 * them: for a byte now and then it takes half of the processor time that Node's
 * takes, and a pulse is all that an idle voter does.
 */
import { connect as connectTls } from "node:tls";
import { type PeersOptions, secureOptions } from "./client_options.ts";

/** Where to. */
export interface WirePlace {
  readonly host: string;
  readonly port: number;
  /** Null: without TLS. */
  readonly secured: Pick<PeersOptions, "tls"> | null;
}

/** Who is told. */
export interface WireEvents {
  /** The bytes are to be used before it returns. */
  readonly onBytes: (bytes: Uint8Array) => void;
  /** Once; not after `close()`. */
  readonly onEnd: (isRefused: boolean) => void;
}

/** A connection from its dial to its end. */
export interface PulseWire {
  /** The address that was reached; null: none yet. */
  readonly address: string | null;
  write(bytes: Uint8Array): void;
  close(): void;
}

const READ_BYTES = 1_024;

/** Dials, and says `first` when it is connected. */
export function openWire(
  place: WirePlace,
  first: Uint8Array,
  events: WireEvents,
): PulseWire {
  const { secured } = place;
  return secured === null
    ? new PlainWire(place, first, events)
    : securedWire({ ...place, secured }, first, events);
}

class PlainWire implements PulseWire {
  readonly #events: WireEvents;
  readonly #closing = new AbortController();
  #conn: Deno.TcpConn | null = null;

  constructor(place: WirePlace, first: Uint8Array, events: WireEvents) {
    this.#events = events;
    this.#run(place, first).then(
      () => this.#end(false),
      (error) => this.#end(isRefusal(error)),
    );
  }

  get address(): string | null {
    return this.#conn?.remoteAddr.hostname ?? null;
  }

  write(bytes: Uint8Array): void {
    // A connection that takes nothing more ends when it is read.
    this.#conn?.write(bytes).catch(() => {});
  }

  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#conn?.close();
  }

  #end(isRefused: boolean): void {
    if (this.#closing.signal.aborted) return;
    this.close();
    this.#events.onEnd(isRefused);
  }

  async #run({ host, port }: WirePlace, first: Uint8Array): Promise<void> {
    const { signal } = this.#closing;
    const conn = await Deno.connect({ hostname: host, port, signal });
    if (signal.aborted) return conn.close();
    this.#conn = conn;
    conn.setNoDelay(true);
    for (let sent = 0; sent < first.length;) {
      sent += await conn.write(first.subarray(sent));
    }
    const buffer = new Uint8Array(READ_BYTES);
    for (;;) {
      const length = await conn.read(buffer);
      if (length === null || signal.aborted) return;
      this.#events.onBytes(buffer.subarray(0, length));
    }
  }
}

/** A name may lead to several addresses, all of which have to say no. */
function isRefusal(error: unknown): boolean {
  return error instanceof AggregateError
    ? error.errors.every(isRefusal)
    : error instanceof Deno.errors.ConnectionRefused;
}

function securedWire(
  { host, port, secured }: WirePlace & {
    readonly secured: Pick<PeersOptions, "tls">;
  },
  first: Uint8Array,
  events: WireEvents,
): PulseWire {
  const socket = connectTls({ host, port, ...secureOptions(secured.tls) });
  let isOver = false;
  const close = (): void => {
    isOver = true;
    socket.destroy();
  };
  const end = (isRefused: boolean): void => {
    if (isOver) return;
    close();
    events.onEnd(isRefused);
  };
  socket.setNoDelay(true);
  socket.on("data", (bytes: Uint8Array) => {
    if (!isOver) events.onBytes(bytes);
  });
  socket.on("error", (error) => {
    end("code" in error && error.code === "ECONNREFUSED");
  });
  socket.once("close", () => end(false));
  socket.once("end", () => end(false));
  socket.write(first);
  return {
    get address() {
      return socket.remoteAddress ?? null;
    },
    write: (bytes) => void socket.write(bytes),
    close,
  };
}
