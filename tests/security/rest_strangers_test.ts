/**
 * Goal: who may not change anything does not get there by what a request says of
 * itself: a page in somebody's browser, a stranger who claims an allowed address,
 * a body that is a bomb.
 *
 * Method: bytes on sockets of the real listener, because what is proven of the
 * application alone is not proven of what stands before it.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { Allowlist } from "../../lib/http/allowlist.ts";
import { type RestServer, serveRest } from "../../lib/http/server.ts";
import { RestBench } from "../helpers/rest_app.ts";

const CHANGES = [
  "PATCH /config",
  "PUT /config",
  "POST /switchover",
  "POST /failover",
  "DELETE /switchover",
  "POST /restart",
  "DELETE /restart",
  "POST /reload",
  "POST /reinitialize",
  "POST /failsafe",
  "POST /sigterm",
];

interface Asked {
  readonly line: string;
  readonly headers?: readonly string[];
  readonly body?: string;
}

async function started(
  bench: RestBench,
  host = "127.0.0.1",
): Promise<RestServer> {
  return await serveRest(bench.app, {
    ...{ listen: { host, port: 0 }, tls: null, limits: {}, log: bench.log },
  });
}

/** The head and body that come back. */
async function answer(port: number, asked: Asked): Promise<string> {
  const body = asked.body ?? '{"leader":"n1"}';
  const socket = connect(port, "127.0.0.1");
  let text = "";
  socket.on("data", (part) => text += part).on("error", () => {});
  socket.write(
    [
      `${asked.line} HTTP/1.1`,
      `Content-Length: ${new TextEncoder().encode(body).length}`,
      ...asked.headers ?? ["Host: 127.0.0.1:8008"],
      "",
      body,
    ].join("\r\n"),
  );
  await once(socket, "close");
  return text;
}

async function statusOf(port: number, asked: Asked): Promise<number> {
  return Number((await answer(port, asked)).split(" ")[1]);
}

Deno.test("a page of another site changes nothing, over real sockets", async () => {
  const bench = new RestBench();
  await using server = await started(bench);
  const pages = [
    ["Host: 127.0.0.1:8008", "Origin: http://evil.example"],
    ["Host: 127.0.0.1:8008", "Origin: null"],
    ["Host: 127.0.0.1:8008", "Sec-Fetch-Site: cross-site"],
    ["Host: 127.0.0.1:8008", "Sec-Fetch-Site: same-site"],
    [
      "Host: 127.0.0.1:8008",
      "Sec-Fetch-Site: none",
      "Sec-Fetch-Site: cross-site",
    ],
    // A name of its own that was rebound to our address.
    ["Host: evil.example:8008", "Origin: http://evil.example:8008"],
  ];
  for (const line of CHANGES) {
    for (const headers of pages) {
      const text = await answer(server.port, { line, headers });
      const what = `${line}, ${headers.join(", ")}`;
      assert.match(text, /^HTTP\/1\.1 403 /, what);
      assert.match(text, /pages of other sites/, what);
    }
  }
  const own = ["Host: 127.0.0.1:8008", "Origin: http://127.0.0.1:8008"];
  for (const headers of [own, ["Host: 127.0.0.1:8008"]]) {
    const asked = { line: "POST /reload", headers };
    assert.notEqual(await statusOf(server.port, asked), 403);
  }
});

Deno.test("no header makes a stranger's address an allowed one", async () => {
  const bench = new RestBench();
  const allowlist = await Allowlist.resolve(["10.0.0.0/8"], bench.log);
  bench.settings = { ...bench.settings, allowlist, isMembersAllowed: true };
  for (const host of ["127.0.0.1", "::"]) {
    await using server = await started(bench, host);
    const headers = [
      ...["Host: 10.0.0.1:8008", "X-Forwarded-For: 10.0.0.1"],
      ...["Forwarded: for=10.0.0.1", "X-Real-IP: 10.0.0.1"],
      ...["X-Client-IP: 10.0.0.1", "Client-IP: 10.0.0.1"],
    ];
    for (const line of CHANGES) {
      assert.equal(await statusOf(server.port, { line, headers }), 403, line);
    }
  }
});

Deno.test("an allowed IPv4 address stays one over an IPv6 socket", async () => {
  const bench = new RestBench();
  const allowlist = await Allowlist.resolve(["127.0.0.1"], bench.log);
  bench.settings = { ...bench.settings, allowlist };
  await using server = await started(bench, "::");
  const asked = { line: "POST /reload" };
  assert.notEqual(await statusOf(server.port, asked), 403);
});

Deno.test("a body that is a bomb is refused, and the next one is read", async () => {
  const bench = new RestBench();
  await using server = await started(bench);
  const levels = 150_000;
  const bombs = [
    `{"a":${"[".repeat(levels)}${"]".repeat(levels)}}`,
    `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`,
    `{"ttl":${"9".repeat(1_000_000)}`,
    "[".repeat(1_000_000),
    `{"a":"\ud800"`,
    '["leader"]',
  ];
  for (const line of ["PATCH /config", "POST /switchover"]) {
    for (const body of bombs) {
      const status = await statusOf(server.port, { line, body });
      assert.equal(status, 400, `${line} ${body.slice(0, 20)}`);
    }
  }
  const body = '{"__proto__":{"isPaused":true},"constructor":{"prototype":{}}}';
  await answer(server.port, { line: "PATCH /config", body });
  assert.equal("isPaused" in {}, false);
  const reply = await answer(server.port, { line: "GET /config", body: "" });
  assert.match(reply, /^HTTP\/1\.1 200 /);
});
