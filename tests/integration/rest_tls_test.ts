/**
 * The REST listener over TLS: who must show a certificate, and whose is taken.
 */
import assert from "node:assert/strict";
import { request } from "node:https";
import {
  type RestServer,
  serveRest,
  type TlsOptions,
} from "../../lib/http/server.ts";
import { selfSigned, type TestCertificate } from "../helpers/certificates.ts";
import { RestBench } from "../helpers/rest_app.ts";

async function started(
  bench: RestBench,
  pair: Pick<TlsOptions, "cert" | "key"> & Partial<TlsOptions>,
  verifyClient: TlsOptions["verifyClient"],
): Promise<RestServer> {
  const isClientCertificateWanted = verifyClient !== "none";
  bench.settings = { ...bench.settings, isClientCertificateWanted };
  const tls = {
    passphrase: null,
    ca: pair.cert,
    ciphers: null,
    verifyClient,
    ...pair,
  };
  return await serveRest(bench.app, {
    listen: { host: "127.0.0.1", port: 0 },
    tls,
    limits: { closeTimeoutMs: 500 },
    log: bench.log,
  });
}

/** `200 text`, or `refused` if the connection ends without an answer. */
async function ask(
  server: RestServer,
  line: string,
  client: TestCertificate | null,
): Promise<string> {
  const [method = "", path = ""] = line.split(" ");
  const { promise, resolve } = Promise.withResolvers<string>();
  const asked = request({
    host: "127.0.0.1",
    port: server.port,
    method,
    path,
    agent: false,
    rejectUnauthorized: false,
    ...(client ?? {}),
  }, (answer) => {
    let text = "";
    answer.on("data", (chunk) => text += chunk);
    answer.on("end", () => resolve(`${answer.statusCode} ${text}`));
    answer.on("error", () => resolve("refused"));
  });
  asked.on("error", () => resolve("refused"));
  asked.end();
  return await promise;
}

Deno.test("rest server: TLS without client certificates", async () => {
  const bench = new RestBench();
  await using server = await started(bench, await selfSigned("a"), "none");
  assert.match(await ask(server, "GET /patroni", null), /^200 \{"state"/);
  assert.equal(await ask(server, "POST /reload", null), "202 reload scheduled");
});

Deno.test("rest server: verify_client required refuses the handshake", async () => {
  const bench = new RestBench();
  const pair = await selfSigned("a");
  await using server = await started(bench, pair, "required");
  assert.match(await ask(server, "GET /patroni", pair), /^200 /);
  assert.equal(await ask(server, "POST /reload", pair), "202 reload scheduled");
  assert.equal(await ask(server, "GET /patroni", null), "refused");
  const stranger = await selfSigned("b");
  assert.equal(await ask(server, "GET /patroni", stranger), "refused");
});

Deno.test("rest server: verify_client optional wants one for unsafe requests", async () => {
  const bench = new RestBench();
  const pair = await selfSigned("a");
  await using server = await started(bench, pair, "optional");
  assert.match(await ask(server, "GET /patroni", null), /^200 /);
  assert.equal(
    await ask(server, "POST /reload", null),
    "403 client certificate required",
  );
  assert.equal(await ask(server, "POST /reload", pair), "202 reload scheduled");
  const stranger = await selfSigned("b");
  assert.equal(await ask(server, "GET /patroni", stranger), "refused");
});

Deno.test("rest server: the key may stand in the certificate's file", async () => {
  const bench = new RestBench();
  const { cert, key } = await selfSigned("a");
  const pair = { cert: cert + key, key: null };
  await using server = await started(bench, pair, "none");
  assert.match(await ask(server, "GET /patroni", null), /^200 /);
});

Deno.test("rest server: the key may be encrypted", async () => {
  const bench = new RestBench();
  const passphrase = "pass 'phrase'";
  const pair = { ...await selfSigned("a", passphrase), passphrase };
  await using server = await started(bench, pair, "none");
  assert.match(await ask(server, "GET /patroni", null), /^200 /);
  const wrong = { ...pair, passphrase: "guess" };
  await assert.rejects(started(bench, wrong, "none"), {
    message: /: the key cannot be read: .* keyfile_password is wrong/,
  });
});

Deno.test("rest server: certificates that cannot be used are refused", async () => {
  const bench = new RestBench();
  const [one, other] = [await selfSigned("a"), await selfSigned("b")];
  const texts = /^ListenError: Cannot use the certificates of the REST API: ./;
  for (
    const pair of [
      { cert: "no pem", key: "no pem" },
      { cert: one.cert, key: other.key },
      { cert: one.cert, key: null },
    ]
  ) await assert.rejects(started(bench, pair, "none"), texts);
});
