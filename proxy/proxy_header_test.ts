import assert from "node:assert/strict";
import fc from "fast-check";
import { sourceOf } from "./opening_limit.ts";
import { proxyHeader, writtenHeader } from "./proxy_header.ts";

const ENDS = {
  source: { address: "10.0.0.9", port: 4000 },
  destination: { address: "10.0.0.1", port: 5000 },
};
const REST = new TextEncoder().encode("\0\0\0\x08rest");

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

Deno.test("proxyHeader() reads what writtenHeader() wrote, byte by byte", () => {
  const v6 = {
    source: { address: "2001:db8:0:0:0:0:0:9", port: 65_535 },
    destination: { address: "0:0:0:0:0:0:0:1", port: 1 },
  };
  for (const version of ["v1", "v2"] as const) {
    for (const ends of [ENDS, v6, null]) {
      const header = writtenHeader(version, ends);
      for (let length = 0; length < header.length; length++) {
        const part = proxyHeader(header.subarray(0, length));
        assert.equal(part.kind, "incomplete", `${version} ${length}`);
      }
      const wanted = { kind: "header", bytes: header.length, ends };
      assert.deepEqual(proxyHeader(joined(header, REST)), wanted);
    }
  }
});

Deno.test("IPv4 clients of a balancer's IPv6 socket stay apart", () => {
  const ends = {
    source: { address: "::ffff:10.0.0.9", port: 4000 },
    destination: { address: "::ffff:10.0.0.1", port: 5000 },
  };
  for (const version of ["v1", "v2"] as const) {
    const header = proxyHeader(writtenHeader(version, ends));
    assert.ok(header.kind === "header");
    assert.deepEqual(header.ends, ends);
    assert.equal(sourceOf(header.ends?.source.address ?? ""), "10.0.0.9");
  }
});

Deno.test("writtenHeader() names nobody where the families differ", () => {
  const mixed = { ...ENDS, destination: { address: "::1", port: 5000 } };
  const gone = { ...ENDS, source: { address: "", port: 0 } };
  for (const ends of [mixed, gone]) {
    const text = new TextDecoder().decode(writtenHeader("v1", ends));
    assert.equal(text, "PROXY UNKNOWN\r\n");
    const header = proxyHeader(writtenHeader("v2", ends));
    assert.ok(header.kind === "header" && header.ends === null);
  }
});

Deno.test("proxyHeader() refuses what is none", () => {
  const texts = [
    "GET / HTTP/1.1\r\n",
    "\0\0\0\x08\x04\xd2\x16\x2f",
    "PROXY TCP4 10.0.0.9 10.0.0.1 4000\r\n",
    "PROXY TCP4 10.0.0.9 10.0.0.1 4000 70000\r\n",
    "PROXY TCP6 10.0.0.9 10.0.0.1 4000 5000\r\n",
    "PROXY TCP4 10.0.0.9 10.0.0.1 4000 5000 6\r\n",
    "PROXY TCP4 10.0.0.9 10.0.0.1 4000 5000\n",
    `PROXY ${"x".repeat(200)}`,
  ];
  for (const text of texts) {
    const bytes = Uint8Array.from(text, (sign) => sign.charCodeAt(0));
    assert.equal(proxyHeader(bytes).kind, "garbage", JSON.stringify(text));
  }
  const long = writtenHeader("v2", ENDS);
  new DataView(long.buffer).setUint16(14, 60_000);
  assert.equal(proxyHeader(long).kind, "garbage");
  const short = writtenHeader("v2", ENDS);
  new DataView(short.buffer).setUint16(14, 8);
  assert.equal(proxyHeader(short).kind, "garbage");
});

Deno.test("proxyHeader() has a word for any bytes, and asks for few", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    const header = proxyHeader(bytes);
    if (header.kind === "header") assert.ok(header.bytes <= bytes.length);
  }));
});
