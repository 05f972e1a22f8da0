/**
 * Connections as somebody opens them who wants a REST API to fail: silent,
 * half-sent, slow, endless or pipelined, opened again as they are closed.
 */
import net from "node:net";

/** At the same time; more than a listener may have descriptors. */
const OPEN_MAX = 500;
const OPENED = 50;
const OPEN_AGAIN_MS = 20;
/** Of each connection: so that there are hundreds of new ones every second. */
const LIFE_MS = 1_000;

const KINDS: readonly string[] = [
  "",
  "G",
  "GET /patroni HTTP/1.1\r\nHost: x\r\nX-Slow: ",
  "POST /restart HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{",
  "PATCH /config HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
  "fffff\r\n",
  `GET /${"a".repeat(60_000)}`,
  "GET /liveness HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200),
];

/** Opens connections until it is disposed. */
export class Flood implements Disposable {
  opened = 0;
  readonly #port: number;
  readonly #sockets = new Set<net.Socket>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(port: number) {
    this.#port = port;
    this.#timer = setInterval(() => this.#fill(), OPEN_AGAIN_MS);
  }

  #fill(): void {
    for (let i = 0; i < OPENED && this.#sockets.size < OPEN_MAX; i++) {
      this.#open(KINDS[this.opened++ % KINDS.length] ?? "");
    }
  }

  #open(text: string): void {
    const socket = net.connect({ host: "127.0.0.1", port: this.#port });
    setTimeout(() => socket.destroy(), LIFE_MS);
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("connect", () => void (text !== "" && socket.write(text)));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket.destroy();
  }
}
