import assert from "node:assert/strict";
import fc from "fast-check";
import type { ByteStream } from "./byte_stream.ts";
import {
  errorResponse,
  firstPacket,
  hopRequest,
  readOpening,
  STARTUP_BYTES_MAX,
  startupNames,
} from "./startup.ts";

/** A client that sends `bytes` in pieces of `pieceBytes` and then ends. */
function client(bytes: Uint8Array, pieceBytes = 1000) {
  let at = 0;
  const answers: number[] = [];
  const stream: ByteStream = {
    read: (into) => {
      const piece = bytes.subarray(
        at,
        at + Math.min(pieceBytes, into.length),
      );
      into.set(piece);
      at += piece.length;
      return Promise.resolve(piece.length === 0 ? null : piece.length);
    },
    write: (sent) => {
      answers.push(...sent);
      return Promise.resolve(sent.length);
    },
    closeWrite: () => Promise.resolve(),
    close: () => {},
  };
  return { stream, answers };
}

function packet(code: number, body = ""): Uint8Array {
  const text = new TextEncoder().encode(body);
  const bytes = new Uint8Array(8 + text.length);
  new DataView(bytes.buffer).setUint32(0, bytes.length);
  new DataView(bytes.buffer).setUint32(4, code);
  bytes.set(text, 8);
  return bytes;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

const V3 = 3 << 16;
const SSL = packet(80877103);
const GSS = packet(80877104);
const N = "N".charCodeAt(0);

Deno.test("readOpening() reads a startup packet in any pieces", async () => {
  for (const pieceBytes of [1, 3, 8, 1000]) {
    const { stream, answers } = client(packet(V3, "user\0x\0\0"), pieceBytes);
    assert.equal(await readOpening(stream), "startup");
    assert.deepEqual(answers, []);
  }
});

Deno.test("readOpening() turns encryption down, both kinds", async () => {
  const bytes = joined(GSS, SSL, packet(V3, "user\0x\0\0"));
  const { stream, answers } = client(bytes, 5);
  assert.equal(await readOpening(stream), "startup");
  assert.deepEqual(answers, [N, N]);
});

Deno.test("readOpening() does not answer for ever", async () => {
  const { stream, answers } = client(joined(SSL, SSL, SSL, SSL));
  assert.equal(await readOpening(stream), "garbage");
  assert.ok(answers.length <= 3);
});

Deno.test("readOpening() knows what is no startup", async () => {
  const huge = packet(V3);
  new DataView(huge.buffer).setUint32(0, STARTUP_BYTES_MAX + 1);
  const cases: readonly (readonly [string, Uint8Array])[] = [
    ["cancel", packet(80877102, "12345678")],
    ["gone", new Uint8Array(0)],
    ["gone", packet(V3, "user").subarray(0, 10)],
    ["garbage", huge],
    ["garbage", packet(2 << 16)],
    ["garbage", new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n")],
    ["garbage", new Uint8Array([0x16, 3, 1, 2, 0, 1, 0, 1, 252, 3])],
  ];
  for (const [want, bytes] of cases) {
    assert.equal(await readOpening(client(bytes).stream), want);
  }
});

Deno.test("readOpening() survives any bytes", async () => {
  await fc.assert(fc.asyncProperty(
    fc.uint8Array({ maxLength: 64 }),
    fc.integer({ min: 1, max: 16 }),
    async (bytes, pieceBytes) => {
      const { stream } = client(bytes, pieceBytes);
      const known = ["startup", "cancel", "gone", "garbage"];
      assert.ok(known.includes(await readOpening(stream)));
    },
  ));
});

Deno.test("errorResponse() is a FATAL ErrorResponse", () => {
  const bytes = errorResponse({ code: "57P03", message: "no", detail: "why" });
  const text = new TextDecoder().decode(bytes.subarray(5));
  assert.equal(text, "SFATAL\0VFATAL\0C57P03\0Mno\0Dwhy\0\0");
  assert.equal(bytes[0], "E".charCodeAt(0));
  assert.equal(
    new DataView(bytes.buffer).getUint32(1),
    bytes.length - 1,
  );
});

Deno.test("firstPacket() knows every kind, and waits for the rest of it", () => {
  const cases = [
    [packet(V3, "user\0x\0\0"), "startup"],
    [SSL, "encryption"],
    [GSS, "encryption"],
    [packet(80877102, "12345678"), "cancel"],
    [packet(80877102, "1234"), "garbage"],
    [new Uint8Array([0x16, 3, 1]), "encryption"],
    [packet(2 << 16, "x"), "garbage"],
    [hopRequest(), "hop"],
    [packet(80877114, "x"), "garbage"],
  ] as const;
  for (const [bytes, want] of cases) {
    assert.equal(firstPacket(bytes), want);
    if (want === "garbage" || bytes[0] === 0x16) continue;
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(firstPacket(bytes.subarray(0, length)), "incomplete");
    }
  }
});

Deno.test("firstPacket() decides on any bytes, at the latest after a packet's worth", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom(0, 8, 16, 50, 10_000, 10_001, 2 ** 31),
      fc.constantFrom(V3, 80877102, 80877103, 80877104, 0),
      (rest, length, code) => {
        const bytes = new Uint8Array(STARTUP_BYTES_MAX);
        bytes.set(rest, 8);
        const view = new DataView(bytes.buffer);
        view.setUint32(0, length);
        view.setUint32(4, code);
        assert.notEqual(firstPacket(bytes), "incomplete");
        // What is said of the beginning stays true of the whole.
        const early = firstPacket(bytes.subarray(0, 8 + rest.length));
        if (early !== "incomplete") assert.equal(early, firstPacket(bytes));
      },
    ),
  );
});

Deno.test("startupNames() reads who wants what, and takes nothing for granted", () => {
  const packet = (words: string): Uint8Array => {
    const body = new TextEncoder().encode(words);
    const bytes = new Uint8Array(8 + body.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, bytes.length);
    view.setUint32(4, 196_608);
    bytes.set(body, 8);
    return bytes;
  };
  const cases: readonly [string, string | null, string | null][] = [
    ["user\0app\0database\0shop\0\0", "app", "shop"],
    ["database\0shop\0user\0app\0\0", "app", "shop"],
    ["user\0app\0\0", "app", "app"],
    ["user\0\0database\0shop\0\0", "", "shop"],
    ["user", null, null],
    ["", null, null],
    ["\0user\0app\0\0", null, null],
  ];
  for (const [words, user, database] of cases) {
    assert.deepEqual(startupNames(packet(words)), { user, database }, words);
  }
  const none = { user: null, database: null };
  assert.deepEqual(startupNames(new Uint8Array(3)), none);
});
