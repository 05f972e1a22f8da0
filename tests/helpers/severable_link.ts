/**
 * A TCP link to a local port that can be severed without a word, like a network
 * partition (connections stay open and new ones are taken, but no byte passes),
 * or cut, as by a router that restarts.
 */

/** A TCP link that a test can sever or cut. */
export class SeverableLink implements AsyncDisposable {
  readonly port: number;
  readonly #targetPort: number;
  readonly #listener: Deno.TcpListener;
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #serving: Promise<void>;
  #gate: PromiseWithResolvers<void> | null = null;

  constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#serving = this.#serve();
  }

  /** From now on nothing passes. */
  sever(): void {
    this.#gate ??= Promise.withResolvers<void>();
  }

  /** What was held back passes, and everything after it. */
  heal(): void {
    this.#gate?.resolve();
    this.#gate = null;
  }

  /** Closes all connections; new ones are taken at once. */
  cut(): void {
    for (const connection of [...this.#connections]) this.#close(connection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.heal();
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
      const outside = await Deno.connect({ port: this.#targetPort });
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
    const buffer = new Uint8Array(65_536);
    try {
      for (;;) {
        const count = await from.read(buffer);
        await this.#gate?.promise;
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
