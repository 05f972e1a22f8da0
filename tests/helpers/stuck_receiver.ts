/**
 * A receiver of WAL that takes what it is sent, answers every keep-alive at once,
 * and never confirms anything: what a consumer looks like whose target is stuck.
 *
 * Source: PostgreSQL 15 manual, "Streaming Replication Protocol".
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Position that is confirmed again and again: the lowest there is. */
const NOTHING = 1n;

/** A receiver of WAL that never confirms anything. */
export class StuckReceiver implements AsyncDisposable {
  readonly #connection: Deno.Conn;
  readonly #done: Promise<void>;
  #received = "";

  private constructor(connection: Deno.Conn, command: string) {
    this.#connection = connection;
    this.#done = this.#run(command).catch(() => {});
  }

  /**
   * @param socket Path of the server's socket.
   * @param command What it sends: `START_REPLICATION ...`.
   */
  static async start(socket: string, command: string): Promise<StuckReceiver> {
    const connection = await Deno.connect({ transport: "unix", path: socket });
    return new StuckReceiver(connection, command);
  }

  /** All payloads so far, as text. */
  get received(): string {
    return this.#received;
  }

  /** Resolves when the server has ended the connection. */
  ended(): Promise<void> {
    return this.#done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#connection.close();
    } catch {
      // The server was quicker.
    }
    await this.#done;
  }

  async #run(command: string): Promise<void> {
    await this.#connection.write(startup());
    let buffer = new Uint8Array();
    const chunk = new Uint8Array(65_536);
    for (;;) {
      const count = await this.#connection.read(chunk);
      if (count === null) return;
      buffer = concat([buffer, chunk.subarray(0, count)]);
      for (;;) {
        const length = buffer.length < 5 ? Infinity : 1 + uint32(buffer, 1);
        if (buffer.length < length) break;
        await this.#take(buffer.slice(0, length), command);
        buffer = buffer.slice(length);
      }
    }
  }

  async #take(message: Uint8Array, command: string): Promise<void> {
    const type = String.fromCharCode(message[0] ?? 0);
    if (type === "Z") {
      await this.#connection.write(framed("Q", encoder.encode(`${command}\0`)));
    }
    if (type !== "d") return;
    const kind = String.fromCharCode(message[5] ?? 0);
    if (kind === "w") this.#received += decoder.decode(message.slice(30));
    if (kind === "k") await this.#connection.write(standbyStatus());
  }
}

function startup(): Uint8Array {
  const words = ["user", "postgres", "database", "postgres"];
  const options = [...words, "replication", "database", ""]
    .map((word) => encoder.encode(`${word}\0`));
  return withLength(concat([new Uint8Array([0, 3, 0, 0]), ...options]));
}

/** Written, flushed and applied: nothing. */
function standbyStatus(): Uint8Array {
  const body = new Uint8Array(34);
  const view = new DataView(body.buffer);
  body[0] = "r".charCodeAt(0);
  for (const at of [1, 9, 17]) view.setBigUint64(at, NOTHING);
  return framed("d", body);
}

function framed(type: string, body: Uint8Array): Uint8Array {
  return concat([encoder.encode(type), withLength(body)]);
}

function withLength(body: Uint8Array): Uint8Array {
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, body.length + 4);
  return concat([head, body]);
}

function uint32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
