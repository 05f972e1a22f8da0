/**
 * The REST listener on real sockets: what HTTP clients of all ages send, and
 * what the server does with those who are slow, silent or rude.
 */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import {
  type RestServer,
  serveRest,
  type ServerLimits,
} from "../../lib/http/server.ts";
import { DcsUnreachableError } from "../../lib/ports/errors.ts";
import { RestBench } from "../helpers/rest_app.ts";

const LOOPBACK = { host: "127.0.0.1", port: 0 };

async function started(
  bench: RestBench,
  limits: Partial<ServerLimits> = {},
): Promise<RestServer> {
  return await serveRest(bench.app, {
    listen: LOOPBACK,
    tls: null,
    limits,
    log: bench.log,
  });
}

/** Everything that the server sends until it closes the connection. */
async function exchange(port: number, text: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let received = "";
  const socket: Socket = connect(port, "127.0.0.1", () => {
    if (text !== "") socket.write(text);
  });
  socket.on("data", (chunk) => received += chunk);
  socket.on("error", () => {});
  socket.on("close", () => resolve(received));
  return await promise;
}

Deno.test("rest server: HTTP/1.0 without Host, as HAProxy's check sends it", async () => {
  const bench = new RestBench();
  await using server = await started(bench);
  const up = await exchange(server.port, "OPTIONS / HTTP/1.0\r\n\r\n");
  assert.match(up, /^HTTP\/1\.[01] 200 OK\r\n/);
  assert.ok(up.endsWith("\r\n\r\n"), "no body");
  const down = await exchange(server.port, "OPTIONS /replica HTTP/1.0\r\n\r\n");
  assert.match(down, /^HTTP\/1\.[01] 503 Service Unavailable\r\n/);
  const head = await exchange(server.port, "HEAD /primary HTTP/1.0\r\n\r\n");
  assert.match(head, /^HTTP\/1\.[01] 200 OK\r\n/);
  assert.ok(head.endsWith("\r\n\r\n"));
});

Deno.test("rest server: one reply per connection, with its length", async () => {
  const bench = new RestBench();
  await using server = await started(bench);
  const request = "GET //patroni HTTP/1.1\r\nHost: a\r\n\r\n";
  const reply = await exchange(server.port, request + request);
  assert.equal(reply.match(/HTTP\/1/g)?.length, 1);
  assert.match(reply, /\r\nConnection: close\r\n/i);
  assert.match(reply, /\r\nContent-Type: application\/json\r\n/);
  assert.match(reply, /\r\nDate: /);
  const [head = "", body = ""] = reply.split("\r\n\r\n");
  assert.match(head, new RegExp(`\r\nContent-Length: ${body.length}(\r|$)`));
  assert.equal(JSON.parse(body).state, "running");
  assert.equal(bench.api.looks, 1, "the second request is not carried out");
});

Deno.test("rest server: absolute targets and bodies work", async () => {
  const bench = new RestBench();
  await using server = await started(bench);
  const absolute = await exchange(
    server.port,
    "GET http://other:1/replica?lag=1 HTTP/1.1\r\nHost: a\r\n\r\n",
  );
  assert.match(absolute, /^HTTP\/1.1 503 /);
  const patched = await exchange(
    server.port,
    "PATCH /config HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n" +
      '{"ttl":20}',
  );
  assert.match(patched, /^HTTP\/1.1 200 OK/);
  assert.ok(patched.endsWith('{"ttl": 20, "loop_wait": 10}'));
  const chunked = await exchange(
    server.port,
    "PATCH /config HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
      "2\r\n{}\r\n0\r\n\r\n",
  );
  assert.match(chunked, /^HTTP\/1.1 411 Length Required/);
  const unknown = await exchange(
    server.port,
    "POST /mist HTTP/1.0\r\nContent-Length: 0\r\n\r\n",
  );
  assert.match(unknown, /^HTTP\/1.1 501 Unsupported method \('POST'\)\r\n/);
  const star = await exchange(
    server.port,
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
  );
  assert.match(star, /^HTTP\/1.1 503 /);
  const trace = await exchange(
    server.port,
    "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
  );
  assert.match(trace, /^HTTP\/1.1 501 Unsupported method \('TRACE'\)\r\n/);
});

Deno.test("rest server: not one byte where the DCS cannot be read", async () => {
  const bench = new RestBench();
  bench.api.freshViews = [new DcsUnreachableError("timeout")];
  await using server = await started(bench);
  const reply = await exchange(
    server.port,
    "GET /cluster HTTP/1.1\r\nHost: a\r\n\r\n",
  );
  assert.equal(reply, "");
  assert.match(bench.log.lines.join("\n"), /WARNING .*127\.0\.0\.1.*\/cluster/);
  const next = await exchange(server.port, "GET /liveness HTTP/1.0\r\n\r\n");
  assert.match(next, /^HTTP\/1.1 200 OK/);
});

Deno.test("rest server: garbage and oversized heads get an error page", async () => {
  const bench = new RestBench();
  await using server = await started(bench, { headBytesMax: 1000 });
  const garbage = await exchange(server.port, "no http at all\r\n\r\n");
  assert.match(garbage, /^HTTP\/1.1 400 Bad Request\r\n/);
  assert.match(garbage, /Error response/);
  const large = await exchange(
    server.port,
    `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(5000)}\r\n\r\n`,
  );
  assert.ok(large === "" || large.startsWith("HTTP/1.1 431 "), large);
});

Deno.test("rest server: a body over the limit is refused unread", async () => {
  const bench = new RestBench();
  const { fetch } = bench.app;
  let asked = 0;
  bench.app.fetch = (...args) => {
    asked += 1;
    return fetch(...args);
  };
  await using server = await started(bench);
  const head =
    "PUT /config HTTP/1.1\r\nHost: a\r\nContent-Length: 99000000\r\n";
  const patient = await exchange(server.port, `${head}\r\n`);
  assert.match(patient, /^HTTP\/1.1 413 Request Entity Too Large\r\n/);
  assert.match(patient, /<p>Error code: 413<\/p>/);
  const greedy = await Deno.connect({
    hostname: "127.0.0.1",
    port: server.port,
  });
  const reply = new Response(greedy.readable, { status: 200 }).text()
    .catch(() => "");
  const writer = greedy.writable.getWriter();
  await writer.write(new TextEncoder().encode(`${head}\r\n`));
  const chunk = new Uint8Array(1_000_000);
  let sent = 0;
  while (sent < 99 && await writer.write(chunk).then(() => true, () => false)) {
    sent += 1;
  }
  assert.ok(sent < 99, "nobody takes all of it");
  await reply;
  await writer.abort().catch(() => {});
  assert.equal(asked, 0, "the application never hears of it");
  const ignored = await exchange(
    server.port,
    "GET /liveness HTTP/1.1\r\nHost: a\r\nContent-Length: 99000000\r\n\r\n",
  );
  assert.match(ignored, /^HTTP\/1.1 200 /);
});

Deno.test("rest server: silent and slow clients lose their connection", async () => {
  const bench = new RestBench();
  await using server = await started(bench, {
    headTimeoutMs: 200,
    requestTimeoutMs: 400,
  });
  const closed = await Promise.all([
    exchange(server.port, ""),
    exchange(server.port, "GET / HTTP/1.1\r\nHo"),
    exchange(
      server.port,
      "PATCH /config HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{",
    ),
  ]);
  for (const reply of closed) {
    assert.ok(reply === "" || reply.startsWith("HTTP/1.1 408 "), reply);
  }
  const reply = await exchange(server.port, "GET /liveness HTTP/1.0\r\n\r\n");
  assert.match(reply, /^HTTP\/1.1 200 OK/);
});

Deno.test("rest server: a request that takes long is not cut", async () => {
  const bench = new RestBench();
  const { promise, resolve } = Promise.withResolvers<void>();
  bench.api.restart = async () => {
    await promise;
    return { status: 200, text: "restarted successfully" };
  };
  await using server = await started(bench, {
    headTimeoutMs: 50,
    requestTimeoutMs: 50,
  });
  const reply = exchange(
    server.port,
    "POST /restart HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
  );
  // A connection that came later has been cut: the limits are long over.
  await exchange(server.port, "");
  await exchange(server.port, "");
  resolve();
  assert.match(await reply, /restarted successfully$/);
});

Deno.test("rest server: clients that hang up early do no harm", async () => {
  const bench = new RestBench();
  await using server = await started(bench);
  for (let round = 0; round < 20; round++) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const socket = connect(server.port, "127.0.0.1", () => {
      socket.write("GET /patroni HTTP/1.1\r\nHost: a\r\n\r\n");
      socket.resetAndDestroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve());
    await promise;
  }
  const reply = await exchange(server.port, "GET /liveness HTTP/1.0\r\n\r\n");
  assert.match(reply, /^HTTP\/1.1 200 OK/);
});

/** A connection that says nothing. */
async function silent(port: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket: Socket = connect(port, "127.0.0.1", () => resolve(socket));
  socket.on("error", reject);
  return await promise;
}

Deno.test("rest server: beyond the limit the oldest silent connection goes", async () => {
  const bench = new RestBench();
  await using server = await started(bench, { connectionsMax: 2 });
  const held = [await silent(server.port), await silent(server.port)];
  // The rest of its body will never come.
  held[0]?.write("PATCH /config HTTP/1.0\r\nContent-Length: 9\r\n\r\n{");
  const gone = Promise.withResolvers<void>();
  held[0]?.once("close", () => gone.resolve());
  const request = "GET /liveness HTTP/1.0\r\n\r\n";
  assert.match(await exchange(server.port, request), /^HTTP\/1.1 200 OK/);
  await gone.promise;
  assert.equal(held[1]?.destroyed, false);
  assert.doesNotMatch(bench.log.lines.join("\n"), /WARNING/);
  assert.match(await exchange(server.port, request), /^HTTP\/1.1 200 OK/);
  held[1]?.destroy();
});

Deno.test("rest server: a request being served is never pushed out", async () => {
  const bench = new RestBench();
  const entered = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  bench.api.restart = async () => {
    entered.resolve();
    await go.promise;
    return { status: 200, text: "restarted successfully" };
  };
  await using server = await started(bench, { connectionsMax: 1 });
  const reply = exchange(server.port, "POST /restart HTTP/1.0\r\n\r\n");
  await entered.promise;
  const request = "GET /liveness HTTP/1.0\r\n\r\n";
  assert.equal(await exchange(server.port, request), "");
  go.resolve();
  assert.match(await reply, /restarted successfully$/);
});

Deno.test("rest server: close() lets a request finish and cuts idle ones", async () => {
  const bench = new RestBench();
  const entered = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  bench.api.restart = async () => {
    entered.resolve();
    await go.promise;
    return { status: 200, text: "restarted successfully" };
  };
  const server = await started(bench, { closeTimeoutMs: 60_000 });
  const idle = exchange(server.port, "");
  const reply = exchange(server.port, "POST /restart HTTP/1.0\r\n\r\n");
  await entered.promise;
  const closed = server.close();
  go.resolve();
  assert.match(await reply, /restarted successfully$/);
  await Promise.all([closed, server.close()]);
  assert.equal(await idle, "");
  await server.close();
});

Deno.test("rest server: a port in use is one clear sentence", async () => {
  const bench = new RestBench();
  await using server = await started(bench);
  await assert.rejects(
    serveRest(bench.app, {
      listen: { host: "127.0.0.1", port: server.port },
      tls: null,
      log: bench.log,
    }),
    {
      message: `Cannot listen on 127.0.0.1:${server.port} for the REST API: ` +
        "the port is in use",
    },
  );
});

Deno.test("rest server: the access log names client, request and status", async () => {
  const bench = new RestBench();
  await using server = await started(bench);
  await exchange(server.port, "GET /replica HTTP/1.0\r\n\r\n");
  assert.match(
    bench.log.lines.join("\n"),
    /DEBUG API thread: 127\.0\.0\.1 - - "GET \/replica HTTP\/1\.0" 503 - latency: \d+\.\d+ ms/,
  );
});
