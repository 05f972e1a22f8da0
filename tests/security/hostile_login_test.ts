/**
 * Goal: a server that is not the expected one gets no password by asking at the
 * wrong moment, holds no thread by asking for years of arithmetic, and ends no
 * process; met by the agent's connections and by those of `query`.
 *
 * Method: a server that answers each packet with the next of a list.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import net from "node:net";
import { ANSWER_BYTES_MAX } from "../../lib/adapters/postgres/session/answer_meter.ts";
import { queryOnce } from "../../lib/adapters/postgres/session/query_client.ts";
import { Connection } from "../../lib/adapters/postgres/session/sql.ts";

const SECRET = "geheim";

function int(value: number, bytes = 4): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}

function message(type: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(type), int(body.length + 4), body]);
}

function authentication(code: number, rest: Buffer | string = ""): Buffer {
  return message("R", Buffer.concat([int(code), Buffer.from(rest)]));
}

const OK = authentication(0);
const READY = message("Z", Buffer.from("I"));
const CLEAR = authentication(3);
const MD5 = authentication(5, "salt");
const SCRAM = authentication(10, "SCRAM-SHA-256\0\0");
const FAILED = message(
  "E",
  Buffer.from("SFATAL\0VFATAL\0C28000\0Mno entry\0\0"),
);
const COLUMNS = message(
  "T",
  Buffer.concat([
    ...[int(1, 2), Buffer.from("a\0"), int(0), int(0, 2)],
    ...[int(25), int(0xffff, 2), int(0xffffffff), int(0, 2)],
  ]),
);

function challenge(text: string): Buffer {
  return authentication(11, text);
}

/** The nonce is the server's own: the driver does not compare it. */
const LONG = challenge("r=abcdef,s=c2FsdHNhbHRzYWx0c2FsdA==,i=2147483647");

/** Sends `answers` one by one, then `again` without end if there is one. */
class Script implements AsyncDisposable {
  heard = "";
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  constructor(answers: readonly Buffer[], again: Buffer | null = null) {
    this.#server = net.createServer((socket) => {
      this.#sockets.add(socket);
      const left = [...answers];
      socket.on("error", () => {});
      socket.on("data", (bytes: Buffer) => {
        this.heard += bytes.toString("latin1");
        if (bytes.readUInt32BE(0) === 8) return void socket.write("N");
        const next = left.shift();
        if (next !== undefined) socket.write(next);
        else if (again === null) socket.end();
        if (left.length > 0 || again === null) return;
        const send = (): void => {
          while (!socket.destroyed && socket.write(again));
        };
        socket.on("drain", send);
        send();
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

/** What the agent's connection says. */
async function agentFailure(server: Script): Promise<string> {
  await using connection = new Connection({
    ...{ host: "127.0.0.1", port: await server.open(), database: "postgres" },
    credentials: { username: "postgres", password: SECRET, options: {} },
    settings: {},
  });
  try {
    await connection.query("SELECT 1", 30_000);
  } catch (error) {
    return String(error);
  }
  return "";
}

/** What `query` says. */
async function operatorFailure(server: Script): Promise<string> {
  const answer = await queryOnce({
    ...{ host: "127.0.0.1", port: await server.open(), database: "postgres" },
    ...{ username: "postgres", password: SECRET, isRecoveryWanted: null },
    answerBytesMax: ANSWER_BYTES_MAX / 4,
  }, "SELECT 1");
  if (answer.kind === "failed") return `${answer.code} ${answer.message}`;
  return answer.kind === "rows" ? "" : answer.kind;
}

const ASKERS = [agentFailure, operatorFailure];

Deno.test("a password is asked for once, at the beginning, or not at all", async () => {
  const attacks: readonly (readonly [string, Buffer[], RegExp])[] = [
    ["an error, then", [Buffer.concat([FAILED, CLEAR])], /login|no entry/],
    ["an error, then md5", [Buffer.concat([FAILED, MD5])], /login|no entry/],
    ["let in, then", [Buffer.concat([OK, CLEAR])], /after the login/],
    ["ready, then", [Buffer.concat([OK, READY, CLEAR])], /after the login/],
    ["ready, then md5", [Buffer.concat([OK, READY]), MD5], /after the login/],
    ["SCRAM, then", [SCRAM, CLEAR], /clear text/],
    ["proven before it was asked", [authentication(12, "v=")], /broken/],
    ["proof without challenge", [SCRAM, authentication(12, "v=")], /signature/],
  ];
  for (const ask of ASKERS) {
    for (const [what, answers, expected] of attacks) {
      await using server = new Script(answers);
      assert.match(await ask(server), expected, what);
      assert.ok(!server.heard.includes(SECRET), what);
      assert.doesNotMatch(server.heard, /md5[0-9a-f]{32}/, what);
    }
  }
});

Deno.test("no server orders more than a second of arithmetic", async () => {
  for (const ask of ASKERS) {
    for (const answers of [[SCRAM, LONG], [Buffer.concat([OK, LONG])]]) {
      await using server = new Script(answers);
      assert.match(await ask(server), /2147483647 iterations|after the login/);
    }
  }
});

Deno.test("a broken challenge is an error, and nothing more", async () => {
  const broken = [
    challenge(""),
    challenge("r=abc"),
    challenge("r=abc,s=,i=1"),
    challenge("r=abc,s=c2FsdA==,i=0"),
    challenge("r=abc,s=c2FsdA==,i=-1"),
    challenge("r=abc,s=c2FsdA==,i=x"),
    challenge(`r=${"a".repeat(60_000)},s=c2FsdA==,i=1`),
    challenge("m=ext,r=abc,s=c2FsdA==,i=1"),
    message("R", Buffer.from("abc")),
    authentication(7),
    authentication(99),
  ];
  for (const ask of ASKERS) {
    for (const bytes of broken) {
      await using server = new Script([SCRAM, bytes]);
      assert.notEqual(await ask(server), "", bytes.toString("latin1"));
    }
  }
});

Deno.test("`query` takes no answer without end, and no nonsense", async () => {
  const welcome = Buffer.concat([OK, READY]);
  const row = message(
    "D",
    Buffer.concat([int(1, 2), int(60_000), Buffer.alloc(60_000, 120)]),
  );
  const empty = message("D", Buffer.concat([int(1, 2), int(0)]));
  const endless: readonly (readonly [Buffer, Buffer])[] = [
    [COLUMNS, row],
    [COLUMNS, Buffer.concat(Array.from({ length: 6_000 }, () => empty))],
    [COLUMNS, Buffer.concat([message("C", Buffer.from("A\0")), COLUMNS])],
    [
      Buffer.concat([Buffer.from("D"), int(0xfffffff0)]),
      Buffer.alloc(65_536, 120),
    ],
  ];
  for (const [first, again] of endless) {
    await using server = new Script([welcome, first], again);
    assert.match(await operatorFailure(server), /large/);
  }
  const nonsense: readonly (readonly [Buffer, RegExp])[] = [
    [Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"), /protocol/],
    [message("T", Buffer.from([0xff, 0xff])), /protocol/],
    [Buffer.concat([COLUMNS, message("D", int(0xffff, 2))]), /./],
    [message("G", Buffer.from("\0\0\0")), /COPY/],
    [message("H", Buffer.from("\0\0\0")), /COPY/],
    [message("W", Buffer.from("\0\0\0")), /COPY/],
    [message("d", Buffer.from("x")), /protocol/],
    [message("c", Buffer.alloc(0)), /protocol/],
    [message("V", Buffer.from("x")), /protocol/],
    [message("3", Buffer.alloc(0)), /protocol/],
    [message("s", Buffer.alloc(0)), /protocol/],
  ];
  for (const [bytes, expected] of nonsense) {
    await using server = new Script([welcome, bytes]);
    assert.match(await operatorFailure(server), expected);
  }
});
