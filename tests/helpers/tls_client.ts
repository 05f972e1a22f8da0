/** A PostgreSQL client that asks for TLS, or begins with it, under a name. */
import { Duplex } from "node:stream";
import { connect, type TLSSocket } from "node:tls";
import { duplexOf } from "../../proxy/node_stream.ts";
import { startupPacket, until } from "./tcp.ts";

/** SSLRequest. */
export const SSL_REQUEST = Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47);

/** How it comes. */
interface TlsTerms {
  /** The name that it asks for. */
  readonly name?: string;
  /** TLS at once, with these protocols; absent: after a request. */
  readonly direct?: readonly string[];
  /** What it says first, inside TLS; absent: a startup packet. */
  readonly first?: Uint8Array;
}

/** A client inside TLS that collects what it is sent. It trusts everybody. */
export class TlsTestClient {
  readonly #socket: TLSSocket;
  #text = "";
  #isEnded = false;
  #isSecure = false;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on("data", (bytes: Uint8Array) => {
      this.#text += new TextDecoder().decode(bytes);
    });
    const onEnd = (): void => {
      this.#isEnded = true;
    };
    socket.on("error", onEnd).on("close", onEnd).on("end", onEnd);
  }

  /** Says what a client says first, inside TLS. */
  static async connect(
    port: number,
    { name, direct, first = startupPacket() }: TlsTerms = {},
  ): Promise<TlsTestClient> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    if (direct === undefined) {
      await conn.write(SSL_REQUEST);
      const answer = new Uint8Array(1);
      await conn.read(answer);
      if (answer[0] !== 0x53) throw new Error(`no TLS: ${answer}`);
    }
    const stream: Duplex = duplexOf(conn);
    const socket = connect({
      socket: stream,
      rejectUnauthorized: false,
      ...(name === undefined ? {} : { servername: name }),
      ...(direct === undefined ? {} : { ALPNProtocols: [...direct] }),
    });
    const client = new TlsTestClient(socket);
    socket.once("secureConnect", () => {
      client.#isSecure = true;
      socket.write(first);
    });
    return client;
  }

  get text(): string {
    return this.#text;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The common name of the certificate that it sees. */
  get seen(): string {
    return `${this.#socket.getPeerCertificate().subject.CN}`;
  }

  send(text: string): void {
    this.#socket.write(text);
  }

  /** The handshake is over. */
  async untilSecure(): Promise<void> {
    await until("it is secure", () => this.#isSecure || this.#isEnded);
  }

  async untilText(part: string): Promise<void> {
    await until(
      `the client reads ${JSON.stringify(part.slice(0, 40))}`,
      () => this.#text.includes(part),
      () => ({ text: this.#text.slice(-200), isEnded: this.#isEnded }),
    );
  }

  async untilEnd(): Promise<void> {
    await until("it is cut", () => this.#isEnded, () => this.#text.slice(-200));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.destroyed) return;
    const closed = new Promise((resolve) =>
      this.#socket.once("close", resolve)
    );
    this.#socket.destroy();
    await closed;
  }
}
