/**
 * Goal: a server that is not the expected one, at an address that the store
 * gave, neither fills the agent's memory nor ends its process.
 *
 * Method: a server that lets everybody in and then sends without end, or
 * nonsense, met by the connection that the agent uses.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import net from "node:net";
import { ANSWER_BYTES_MAX } from "../../lib/adapters/postgres/session/answer_meter.ts";
import { Connection } from "../../lib/adapters/postgres/session/sql.ts";

/** What the kernel holds of a connection, generously. */
const KERNEL_BYTES_MAX = 64 << 20;

function int(value: number, bytes = 4): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}

function message(type: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(type), int(body.length + 4), body]);
}

const WELCOME = Buffer.concat([
  message("R", int(0)),
  message("K", Buffer.concat([int(1), int(2)])),
  message("Z", Buffer.from("I")),
]);
const COLUMN = message(
  "T",
  Buffer.concat([
    ...[int(1, 2), Buffer.from("a\0"), int(0), int(0, 2)],
    ...[int(25), int(0xffff, 2), int(0xffffffff), int(0, 2)],
  ]),
);
const ROW = message(
  "D",
  Buffer.concat([int(1, 2), int(60_000), Buffer.alloc(60_000, 120)]),
);

/** Lets everybody in, then sends `first` and after that `again` for ever. */
class Hostile implements AsyncDisposable {
  sent = 0;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  constructor(first: Buffer, again: Buffer | null) {
    this.#server = net.createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.once("data", () => {
        socket.write(WELCOME);
        socket.once("data", () => {
          socket.write(first);
          if (again === null) return void socket.end();
          const send = (): void => {
            do this.sent += again.length; while (socket.write(again));
          };
          socket.on("drain", send);
          send();
        });
      });
    });
  }

  async open(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    const address = this.#server.address();
    assert.ok(typeof address === "object" && address !== null);
    return address.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function failureOf(
  server: Hostile,
  settings: Readonly<Record<string, string>>,
): Promise<string> {
  await using connection = new Connection({
    ...{ host: "127.0.0.1", port: await server.open(), database: "postgres" },
    credentials: {
      ...{ username: "postgres", password: "x" },
      options: { sslmode: "disable" },
    },
    settings,
  });
  try {
    await connection.query("IDENTIFY_SYSTEM", 30_000);
  } catch (error) {
    return String(error);
  }
  return "";
}

Deno.test("an answer without end is cut before it fills the memory", async () => {
  const endless: readonly (readonly [string, Buffer, Buffer])[] = [
    ["rows", COLUMN, ROW],
    [
      "one message",
      Buffer.concat([Buffer.from("D"), int(0xfffffff0)]),
      Buffer.alloc(65_536, 120),
    ],
  ];
  for (const [what, first, again] of endless) {
    await using server = new Hostile(first, again);
    assert.match(
      await failureOf(server, { replication: "true" }),
      /large/,
      what,
    );
    assert.ok(server.sent < ANSWER_BYTES_MAX + KERNEL_BYTES_MAX, what);
  }
});

Deno.test("nonsense of a server is an error, and nothing more", async () => {
  const nonsense = [
    Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"),
    Buffer.alloc(65_536, 0xff),
    Buffer.alloc(65_536, 0),
    Buffer.concat([message("D", Buffer.from("x")), ROW]),
    message("T", Buffer.from([0xff, 0xff])),
    Buffer.concat([COLUMN, message("D", int(0xffff, 2))]),
    message("G", Buffer.from("x")),
    message("H", Buffer.from("x")),
    message("W", Buffer.from("x")),
    message("d", Buffer.from("x")),
    message("c", Buffer.from("x")),
    message("A", Buffer.from("xxxxx")),
    message("V", Buffer.from("x")),
    message("t", Buffer.from([0xff, 0xff])),
    message("N", Buffer.from("S")),
    message("S", Buffer.from("x")),
    message("v", Buffer.from("x")),
    message("R", int(12)),
    message("R", int(10)),
    message("E", Buffer.from("SFATAL")),
    message("C", Buffer.alloc(0)),
  ];
  for (const settings of [{}, { replication: "true" }]) {
    for (const bytes of nonsense) {
      await using server = new Hostile(bytes, null);
      const failure = await failureOf(server, settings);
      assert.notEqual(failure, "", bytes.subarray(0, 20).toString("latin1"));
    }
  }
});
