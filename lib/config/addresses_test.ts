import assert from "node:assert/strict";
import fc from "fast-check";
import { formatHostPort, parseHostPort, parseListen } from "./addresses.ts";

const LISTEN: readonly (readonly [string, readonly string[], number])[] = [
  ["0.0.0.0:5433", ["0.0.0.0"], 5433],
  ["10.30.1.11,127.0.0.1:5432", ["10.30.1.11", "127.0.0.1"], 5432],
  ["10.30.1.11, 127.0.0.1:5432", ["10.30.1.11", "127.0.0.1"], 5432],
  ["*", ["*"], 5432],
  ["*:6000", ["*"], 6000],
  ["localhost", ["localhost"], 5432],
  ["[::]:8008", ["::"], 8008],
  ["[::1],127.0.0.1:8008", ["::1", "127.0.0.1"], 8008],
  ["[::1]", ["::1"], 5432],
  ["::1", ["::1"], 5432],
  ["::", ["::"], 5432],
  ["fe80::1:5433", ["fe80::1"], 5433],
  [":::15432", ["::"], 15432],
];

Deno.test("parseListen() splits hosts and port", () => {
  for (const [text, hosts, port] of LISTEN) {
    assert.deepEqual(parseListen(text, 5432), { hosts, port }, text);
  }
});

Deno.test("parseListen() refuses malformed texts", () => {
  for (
    const text of [
      "",
      ":5432",
      "host:",
      "host:0",
      "host:65536",
      "host:abc",
      "host:-1",
      "a,:5432",
      "a b:5432",
      "http://a:5432",
      "[::1:8008",
    ]
  ) {
    assert.equal(parseListen(text, 5432), null, text);
  }
  assert.equal(parseListen("host", null), null);
});

Deno.test("parseHostPort() accepts one host only", () => {
  assert.deepEqual(parseHostPort("a:1", null), { host: "a", port: 1 });
  assert.equal(parseHostPort("a,b:1", null), null);
});

Deno.test("parseHostPort() reads back what formatHostPort() writes", () => {
  const hosts = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
  const ports = fc.integer({ min: 1, max: 65535 });
  fc.assert(fc.property(hosts, ports, (host, port) => {
    assert.deepEqual(parseHostPort(formatHostPort({ host, port }), null), {
      host,
      port,
    });
  }));
});
