/**
 * An address at which nothing answers, as at a host that has lost its power: a
 * listener that accepts nobody and whose queue is full, so that the kernel drops
 * whoever knocks.
 */
const HERE = "127.0.0.1";
const BACKLOG = 1;
/** Linux lets one more wait than it was told. */
const FILLING = BACKLOG + 1;

/** The address, until it is disposed of. */
export class LostHost implements Disposable {
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #waiting: Deno.TcpConn[] = [];

  private constructor(listener: Deno.TcpListener) {
    this.#listener = listener;
    this.port = listener.addr.port;
  }

  static async start(): Promise<LostHost> {
    const host = new LostHost(
      Deno.listen({ hostname: HERE, port: 0, tcpBacklog: BACKLOG }),
    );
    for (let count = 0; count < FILLING; count++) {
      const target = { hostname: HERE, port: host.port };
      host.#waiting.push(await Deno.connect(target));
    }
    return host;
  }

  [Symbol.dispose](): void {
    for (const connection of this.#waiting) connection.close();
    this.#listener.close();
  }
}
