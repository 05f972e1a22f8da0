/** A TCP proxy on a free port whose connections can be cut. */

/** See the head of this file. */
export class PausableProxy implements AsyncDisposable {
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #serving: Promise<void>;

  constructor(readonly targetPort: number) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#serving = this.#serve();
  }

  /** Closes all connections; new ones are taken at once. */
  cut(): void {
    for (const connection of [...this.#connections]) this.#close(connection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await this.#serving;
  }

  async #serve(): Promise<void> {
    const pipes: Promise<void>[] = [];
    try {
      for await (const inside of this.#listener) {
        pipes.push(this.#connect(inside));
      }
    } catch {
      // The listener was closed while it waited.
    }
    await Promise.all(pipes);
  }

  async #connect(inside: Deno.TcpConn): Promise<void> {
    this.#connections.add(inside);
    try {
      const outside = await Deno.connect({ port: this.targetPort });
      this.#connections.add(outside);
      await Promise.all([
        this.#copy(inside, outside),
        this.#copy(outside, inside),
      ]);
    } catch {
      this.#close(inside);
    }
  }

  async #copy(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(65536);
    try {
      for (;;) {
        const count = await from.read(buffer);
        if (count === null) break;
        for (let sent = 0; sent < count;) {
          sent += await to.write(buffer.subarray(sent, count));
        }
      }
    } catch {
      // One side has gone; the other follows.
    }
    this.#close(from);
    this.#close(to);
  }

  #close(connection: Deno.TcpConn): void {
    if (!this.#connections.delete(connection)) return;
    try {
      connection.close();
    } catch {
      // It has been closed by the other side.
    }
  }
}
