/**
 * A DNS server on a free UDP port that knows SRV records only, and remembers what
 * it was asked.
 */
import { Buffer } from "node:buffer";
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import type { Service } from "../../lib/adapters/etcd/resolver.ts";

const HEADER_BYTES = 12;
const TYPE_SRV = 33;
/** An answer, recursion was wanted and is available. */
const ANSWERED = 0x8180;
const NO_SUCH_NAME = 0x8183;

/** A DNS server that knows SRV records only. */
export class SrvServer implements AsyncDisposable {
  readonly records = new Map<string, readonly Service[]>();
  /** Names in the order of their questions. */
  readonly asked: string[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (query, from) => this.#answer(query, from));
  }

  static async start(): Promise<SrvServer> {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) =>
      socket.bind(0, "127.0.0.1", () => resolve())
    );
    return new SrvServer(socket);
  }

  /** `ip:port`. */
  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }

  #answer(query: Buffer, from: RemoteInfo): void {
    const labels: string[] = [];
    let at = HEADER_BYTES;
    for (let size = query[at] ?? 0; size > 0; size = query[at] ?? 0) {
      labels.push(query.toString("latin1", at + 1, at + 1 + size));
      at += size + 1;
    }
    const question = query.subarray(HEADER_BYTES, at + 5);
    const name = labels.join(".");
    this.asked.push(name);
    const found = this.records.get(name) ?? [];
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt16BE(query.readUInt16BE(0), 0);
    header.writeUInt16BE(found.length > 0 ? ANSWERED : NO_SUCH_NAME, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(found.length, 6);
    const answer = Buffer.concat([header, question, ...found.map(record)]);
    this.#socket.send(answer, from.port, from.address);
  }
}

/** Listed first is used first. */
function record({ host, port }: Service, index: number): Buffer {
  const target = Buffer.concat([
    ...host.split(".").map((label) =>
      Buffer.from([label.length, ...Buffer.from(label)])
    ),
    Buffer.from([0]),
  ]);
  const head = Buffer.alloc(18);
  head.writeUInt16BE(0xc000 + HEADER_BYTES, 0);
  head.writeUInt16BE(TYPE_SRV, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(6 + target.length, 10);
  head.writeUInt16BE(index, 12);
  head.writeUInt16BE(port, 16);
  return Buffer.concat([head, target]);
}
