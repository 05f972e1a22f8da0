/**
 * Small TCP actors for proxy tests: backends that say who they are and echo,
 * clients that read until they have seen enough, ports that swallow dials.
 */
import { freePort } from "./free_ports.ts";
import { type Moment, moment } from "../../lib/core/base/units.ts";
import type { Clock } from "../../lib/ports/clock.ts";
import type { Log } from "../../lib/ports/log.ts";

const HOST = "127.0.0.1";
const DEADLINE_MS = 30_000;

/** The process's own monotonic time, for tests that stay in one process. */
export class RealClock implements Clock {
  now(): Moment {
    return moment(performance.now());
  }

  wallTimeMs(): number {
    return Date.now();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(end, ms);
      function end(): void {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        resolve();
      }
      signal?.addEventListener("abort", end, { once: true });
    });
  }
}

/** Keeps what was logged; a test prints it when it fails. */
export class KeptLog implements Log {
  readonly lines: string[] = [];

  debug(message: string): void {
    this.lines.push(`DEBUG ${message}`);
  }
  info(message: string): void {
    this.lines.push(`INFO ${message}`);
  }
  warning(message: string): void {
    this.lines.push(`WARNING ${message}`);
  }
  error(message: string): void {
    this.lines.push(`ERROR ${message}`);
  }
  critical(message: string): void {
    this.lines.push(`CRITICAL ${message}`);
  }
}

/** Waits for a condition; fails with `what` and the last value of `seen`. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  seen: () => unknown = () => null,
): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!await isSo()) {
    if (performance.now() > deadline) {
      throw new Error(`Never happened: ${what}. Seen: ${Deno.inspect(seen())}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** What a backend does with a connection. */
type BackendTalk = (connection: Deno.TcpConn) => Promise<void>;

/** Accepts, greets with its name and a line end, echoes until the end. */
export class TestBackend {
  readonly port: number;
  readonly connections = new Set<Deno.TcpConn>();
  readonly #listener: Deno.TcpListener;
  readonly #talk: BackendTalk;
  readonly #served: Promise<void>;
  accepted = 0;

  constructor(talk: BackendTalk, port = 0) {
    this.#talk = talk;
    this.#listener = Deno.listen({ hostname: HOST, port });
    this.port = this.#listener.addr.port;
    this.#served = this.#serve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    quietly(() => this.#listener.close());
    for (const connection of this.connections) {
      quietly(() => connection.close());
    }
    await this.#served;
  }

  async #serve(): Promise<void> {
    const talks: Promise<void>[] = [];
    try {
      for await (const connection of this.#listener) {
        this.accepted++;
        this.connections.add(connection);
        const talk = this.#talk(connection).catch(() => {}).finally(() => {
          this.connections.delete(connection);
          quietly(() => connection.close());
        });
        talks.push(talk);
      }
    } catch {
      // Closed.
    }
    await Promise.all(talks);
  }
}

/** A backend that greets with `name` and echoes what follows the startup packet; it ends when the client does. */
export function echoBackend(name: string, port = 0): TestBackend {
  return new TestBackend(async (connection) => {
    await sendAll(connection, new TextEncoder().encode(`${name}\n`));
    await readStartup(connection);
    const buffer = new Uint8Array(64 * 1024);
    while (true) {
      const length = await connection.read(buffer);
      if (length === null) return;
      await sendAll(connection, buffer.subarray(0, length));
    }
  }, port);
}

/** Takes the packet that a {@link TestClient} opens with off the stream. */
export async function readStartup(connection: Deno.TcpConn): Promise<void> {
  let missing = startupPacket().length;
  while (missing > 0) {
    const length = await connection.read(new Uint8Array(missing));
    if (length === null) return;
    missing -= length;
  }
}

/** A port that answers no SYN: its queue is full and nobody accepts. */
export class BlackHole {
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #fillers: Deno.TcpConn[] = [];

  private constructor(listener: Deno.TcpListener) {
    this.#listener = listener;
    this.port = listener.addr.port;
  }

  static async open(): Promise<BlackHole> {
    const hole = new BlackHole(
      // Of those that no client gets by chance: a test listens there again.
      Deno.listen({ hostname: HOST, port: freePort(), tcpBacklog: 1 }),
    );
    while (await hole.#fill()) {
      // Fill its queue.
    }
    return hole;
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    for (const filler of this.#fillers) filler.close();
  }

  async #fill(): Promise<boolean> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), 200);
    try {
      const port = this.port;
      const signal = limit.signal;
      const conn = await Deno.connect({ hostname: HOST, port, signal });
      this.#fillers.push(conn);
      return true;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** What a cancel request says in its second word. */
export const CANCEL_CODE = 80877102;

/** Asks for a session that nobody has to be interrupted. */
export function cancelRequest(): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  view.setUint32(0, 16);
  view.setUint32(4, CANCEL_CODE);
  return new Uint8Array(view.buffer);
}

/** StartupMessage, protocol 3.0, user "x". */
export function startupPacket(): Uint8Array {
  const body = new TextEncoder().encode("user\0x\0\0");
  const packet = new Uint8Array(8 + body.length);
  const view = new DataView(packet.buffer);
  view.setUint32(0, packet.length);
  view.setUint32(4, 3 << 16);
  packet.set(body, 8);
  return packet;
}

/** A client that collects what it is sent. */
export class TestClient {
  readonly conn: Deno.TcpConn | Deno.UnixConn;
  readonly #decoder = new TextDecoder();
  #text = "";
  #isEnded = false;
  readonly #reading: Promise<void>;

  private constructor(conn: Deno.TcpConn | Deno.UnixConn) {
    this.conn = conn;
    this.#reading = this.#read();
  }

  /** Opens as a PostgreSQL client does: with a startup packet. */
  static async connect(port: number): Promise<TestClient> {
    const client = await TestClient.silent(port);
    await client.send(startupPacket()).catch(() => {});
    return client;
  }

  /** The same by a unix socket. */
  static async local(path: string): Promise<TestClient> {
    const conn = await Deno.connect({ transport: "unix", path });
    const client = new TestClient(conn);
    await client.send(startupPacket()).catch(() => {});
    return client;
  }

  /** Sends nothing of its own accord. */
  static async silent(port: number): Promise<TestClient> {
    return new TestClient(await Deno.connect({ hostname: HOST, port }));
  }

  /** All text so far. */
  get text(): string {
    return this.#text;
  }

  /** The other side has ended or cut the connection. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  async send(text: string | Uint8Array): Promise<void> {
    const bytes = typeof text === "string"
      ? new TextEncoder().encode(text)
      : text;
    await sendAll(this.conn, bytes);
  }

  async untilText(part: string): Promise<void> {
    await until(
      `the client reads ${JSON.stringify(part)}`,
      () => this.#text.includes(part),
      () => ({ text: this.#text, isEnded: this.#isEnded }),
    );
  }

  async untilEnd(): Promise<void> {
    await until("the client is cut", () => this.#isEnded, () => this.#text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    quietly(() => this.conn.close());
    await this.#reading;
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(16 * 1024);
    try {
      while (true) {
        const length = await this.conn.read(buffer);
        if (length === null) break;
        this.#text += this.#decoder.decode(buffer.subarray(0, length), {
          stream: true,
        });
      }
    } catch {
      // Cut or closed.
    }
    this.#isEnded = true;
  }
}

/** Writes everything. */
export async function sendAll(
  to: Deno.Conn,
  bytes: Uint8Array,
): Promise<void> {
  let sent = 0;
  while (sent < bytes.length) sent += await to.write(bytes.subarray(sent));
}

function quietly(action: () => void): void {
  try {
    action();
  } catch {
    // Closed before.
  }
}
