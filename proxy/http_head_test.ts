import assert from "node:assert/strict";
import { HEAD_BYTES_MAX, isOwnHost, requestHead } from "./http_head.ts";

function headOf(text: string) {
  return requestHead(new TextEncoder().encode(text));
}

Deno.test("requestHead() reads method, path and host", () => {
  const get = { method: "GET", path: "/", authorization: null };
  assert.deepEqual(headOf("GET / HTTP/1.1\r\nHost: DB1.\r\n\r\n"), {
    ...get,
    host: "db1",
  });
  assert.deepEqual(headOf("GET / HTTP/1.0\r\n\r\n"), { ...get, host: null });
  const bracketed = "GET /?a=b HTTP/1.1\r\nhost:  [fd00::1]:7000 \r\n\r\nmore";
  assert.deepEqual(headOf(bracketed), { ...get, host: "fd00::1" });
});

Deno.test("requestHead() reads the login, once", () => {
  const login = "AUTHORIZATION: Basic eDp5\r\n";
  const text = `GET / HTTP/1.1\r\n${login}\r\n`;
  assert.deepEqual(headOf(text), {
    ...{ method: "GET", path: "/", host: null },
    authorization: "Basic eDp5",
  });
  assert.equal(headOf(`GET / HTTP/1.1\r\n${login}${login}\r\n`), "garbage");
});

Deno.test("requestHead() waits for the end, but not for ever", () => {
  assert.equal(headOf(""), "incomplete");
  assert.equal(headOf("GET / HTTP/1.1\r\nHost: db1\r\n"), "incomplete");
  const long = (bytes: number) => headOf("x".repeat(bytes));
  assert.equal(long(HEAD_BYTES_MAX - 1), "incomplete");
  assert.equal(long(HEAD_BYTES_MAX), "garbage");
});

const GARBAGE: readonly string[] = [
  "\r\n\r\n",
  "get / HTTP/1.1\r\n\r\n",
  "GET http://evil/ HTTP/1.1\r\n\r\n",
  "GET / HTTP/2\r\n\r\n",
  "GET /\u0000 HTTP/1.1\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: db1\r\nHost: evil\r\n\r\n",
  `GET /${"a".repeat(3000)} HTTP/1.1\r\n\r\n`,
];

for (const text of GARBAGE) {
  const name = JSON.stringify(text.slice(0, 50));
  Deno.test(`requestHead() takes no ${name}`, () => {
    assert.equal(headOf(text), "garbage");
  });
}

Deno.test("isOwnHost() knows addresses and own names, and no others", () => {
  const names = {
    own: new Set(["db1", "db1.example.com"]),
    listen: ["*", "DB.internal"],
  };
  const yes = [
    ...[null, "127.0.0.1", "::1", "localhost", "db1", "db1.example.com"],
    "db.internal",
  ];
  for (const host of yes) assert.equal(isOwnHost(host, names), true, `${host}`);
  for (
    const host of [
      "",
      "evil.example",
      "db10",
      "db2.example.com",
      "db1.evil.example",
    ]
  ) {
    assert.equal(isOwnHost(host, names), false, host);
  }
});
