/** The command line's HTTP calls against real sockets: trust, limits, failures. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { HttpRequest, TlsSettings } from "../../lib/cli/context.ts";
import { sendHttp } from "../../lib/cli/http_send.ts";
import { selfSigned } from "../helpers/certificates.ts";

const NO_TLS: TlsSettings = {
  isInsecure: false,
  cacert: null,
  certfile: null,
  keyfile: null,
  keyfilePassword: null,
};

function request(url: string, over: Partial<HttpRequest> = {}): HttpRequest {
  const base = { method: "GET", url, headers: {}, body: null, tls: NO_TLS };
  return { ...base, timeoutMs: 10_000, ...over };
}

async function listening(
  server: Server,
  use: (port: number) => Promise<void>,
): Promise<void> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address: AddressInfo | string | null = server.address();
  assert.ok(typeof address === "object" && address !== null);
  try {
    await use(address.port);
  } finally {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }
}

Deno.test("sendHttp() sends method, headers and body, and returns any status", async () => {
  const server = createServer((incoming, answer) => {
    let body = "";
    incoming.setEncoding("utf8");
    incoming.on("data", (chunk) => body += chunk);
    incoming.on("end", () => {
      answer.writeHead(412);
      const { method, url, headers } = incoming;
      answer.end(`${method} ${url} ${headers["x-test"]} ${body}`);
    });
  });
  await listening(server, async (port) => {
    const { date, ...reply } = await sendHttp(
      request(`http://127.0.0.1:${port}/switchover`, {
        method: "POST",
        headers: { "x-test": "1" },
        body: '{"a":"ü"}',
      }),
    );
    assert.deepEqual(reply, {
      status: 412,
      body: 'POST /switchover 1 {"a":"ü"}',
    });
    assert.ok(Number.isFinite(Date.parse(date ?? "")), String(date));
  });
});

Deno.test("sendHttp() fails when nobody listens, answers or finishes", async () => {
  let refusing = 0;
  const server = createServer((incoming, answer) => {
    if (incoming.url === "/half") {
      answer.writeHead(200, { "content-length": "100" });
      answer.write("half", () => answer.destroy());
    }
  });
  await listening(server, async (port) => {
    refusing = port;
    const url = `http://127.0.0.1:${port}`;
    await assert.rejects(sendHttp(request(`${url}/half`)));
    await assert.rejects(
      sendHttp(request(`${url}/silent`, { timeoutMs: 100 })),
      /^Error: no answer from .*\/silent within 0\.1 s$/,
    );
  });
  await assert.rejects(
    sendHttp(request(`http://127.0.0.1:${refusing}/`)),
    /ECONNREFUSED/,
  );
});

Deno.test("sendHttp() trusts the given authority, or everybody if told so", async () => {
  const { cert, key } = await selfSigned("cli");
  const cacert = await Deno.makeTempFile({ prefix: "matriarch_ca_" });
  await Deno.writeTextFile(cacert, cert);
  const server = createTlsServer({ cert, key }, (_incoming, answer) => {
    answer.end("secure");
  });
  try {
    await listening(server, async (port) => {
      const url = `https://127.0.0.1:${port}/`;
      await assert.rejects(sendHttp(request(url)));
      for (const tls of [{ isInsecure: true }, { cacert }]) {
        const { status, body } = await sendHttp(
          request(url, { tls: { ...NO_TLS, ...tls } }),
        );
        assert.deepEqual({ status, body }, { status: 200, body: "secure" });
      }
    });
  } finally {
    await Deno.remove(cacert);
  }
});
