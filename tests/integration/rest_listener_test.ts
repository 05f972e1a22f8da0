/**
 * The REST listener over reloads: new certificates, another address, settings
 * that cannot be used, and requests that are being served meanwhile.
 */
import assert from "node:assert/strict";
import { connect, type TLSSocket } from "node:tls";
import { RestListener } from "../../lib/http/listener.ts";
import type { ServeOptions, TlsOptions } from "../../lib/http/server.ts";
import { selfSigned, type TestCertificate } from "../helpers/certificates.ts";
import { RestBench } from "../helpers/rest_app.ts";
import { freePorts } from "../helpers/free_ports.ts";

function plain(bench: RestBench, port: number): ServeOptions {
  return { listen: { host: "127.0.0.1", port }, tls: null, log: bench.log };
}

function secure(
  bench: RestBench,
  port: number,
  pair: TestCertificate,
): ServeOptions {
  const tls: TlsOptions = {
    ...pair,
    passphrase: null,
    ca: null,
    ciphers: null,
    verifyClient: "none",
  };
  return { ...plain(bench, port), tls };
}

/** The common name of the certificate that is shown, and the reply's status. */
async function shown(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket: TLSSocket = connect({
    host: "127.0.0.1",
    port,
    rejectUnauthorized: false,
  }, () => socket.write("GET /liveness HTTP/1.0\r\n\r\n"));
  let reply = "";
  let name = "";
  socket.on("data", (chunk) => {
    name = String(socket.getPeerCertificate().subject.CN);
    reply += chunk;
  });
  socket.on("error", reject);
  socket.on("close", () => resolve(`${name} ${reply.split("\r\n")[0]}`));
  return await promise;
}

async function status(port: number): Promise<number> {
  const reply = await fetch(`http://127.0.0.1:${port}/patroni`);
  await reply.body?.cancel();
  return reply.status;
}

function onePort(): number {
  return freePorts(1)[0] ?? 0;
}

Deno.test("rest listener: a new certificate is shown after apply()", async () => {
  const bench = new RestBench();
  const port = onePort();
  const [one, other] = [await selfSigned("one"), await selfSigned("other")];
  await using listener = new RestListener(bench.log);
  await listener.open(bench.app, secure(bench, port, one));
  assert.match(await shown(port), /^one HTTP\/1.1 200 /);
  assert.equal(await listener.apply(secure(bench, port, one)), "same");
  assert.equal(await listener.apply(secure(bench, port, other)), "replaced");
  assert.match(await shown(port), /^other HTTP\/1.1 200 /);
  assert.equal(await listener.apply(plain(bench, port)), "replaced");
  assert.equal(await status(port), 200);
});

Deno.test("rest listener: the address changes, the old one is free", async () => {
  const bench = new RestBench();
  const [before = 0, after = 0] = freePorts(2);
  await using listener = new RestListener(bench.log);
  await listener.open(bench.app, plain(bench, before));
  assert.equal(await listener.apply(plain(bench, after)), "replaced");
  assert.equal(listener.port, after);
  assert.equal(await status(after), 200);
  Deno.listen({ hostname: "127.0.0.1", port: before }).close();
});

Deno.test("rest listener: what cannot be used changes nothing", async () => {
  const bench = new RestBench();
  const port = onePort();
  const pair = await selfSigned("good");
  await using listener = new RestListener(bench.log);
  await listener.open(bench.app, secure(bench, port, pair));
  await assert.rejects(
    listener.apply(secure(bench, port, { cert: "no", key: "no" })),
    /^ListenError: Cannot use the certificates of the REST API: ./,
  );
  assert.match(await shown(port), /^good HTTP\/1.1 200 /);
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await assert.rejects(
    listener.apply(secure(bench, taken.addr.port, pair)),
    /the port is in use$/,
  );
  taken.close();
  assert.match(await shown(port), /^good HTTP\/1.1 200 /);
});

Deno.test("rest listener: a request finishes on the old listener", async () => {
  const bench = new RestBench();
  const entered = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  bench.api.restart = async () => {
    entered.resolve();
    await go.promise;
    return { status: 200, text: "restarted successfully" };
  };
  const [before = 0, after = 0] = freePorts(2);
  await using listener = new RestListener(bench.log);
  await listener.open(bench.app, plain(bench, before));
  const reply = fetch(`http://127.0.0.1:${before}/restart`, { method: "POST" });
  await entered.promise;
  assert.equal(await listener.apply(plain(bench, after)), "replaced");
  await assert.rejects(status(before), "the old address takes nobody");
  assert.equal(await status(after), 200);
  go.resolve();
  assert.equal(await (await reply).text(), "restarted successfully");
});

Deno.test("rest listener: apply() does nothing before open(), close() ends all", async () => {
  const bench = new RestBench();
  await using listener = new RestListener(bench.log);
  assert.equal(await listener.apply(plain(bench, onePort())), "same");
  const port = onePort();
  await listener.open(bench.app, plain(bench, port));
  await listener.close();
  assert.equal(listener.port, null);
  await assert.rejects(status(port));
});
