/**
 * Whom a host that joins believes: to anybody else it sends nothing, not one
 * byte of a request, so that a token cannot be taken by who stands in between.
 */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:https";
import { CertificatesX509 } from "../../lib/adapters/pki/certificates_x509.ts";
import { askDesk } from "../../lib/adapters/setup/desk_client.ts";
import type { CertifiedKey } from "../../lib/ports/certificates.ts";
import type { DeskReply } from "../../lib/ports/setup.ts";

const DAY_MS = 86_400_000;
const pki = new CertificatesX509();

/** A certificate of `authority` for that host, and what else the server shows. */
interface Shown {
  readonly authority: CertifiedKey;
  readonly host: string;
  readonly nowMs: number;
  /** Beside its own certificate. */
  readonly chain: string;
}

/** A server that counts what it is asked. */
class Impostor implements AsyncDisposable {
  readonly requests: string[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", (incoming, outgoing) => {
      this.requests.push(incoming.url ?? "");
      outgoing.writeHead(403).end("no");
    });
  }

  static async start(shown: Shown): Promise<Impostor> {
    const named = { name: "db1", hosts: [shown.host] };
    const { request, key } = await pki.makeRequest(named);
    const cert = await pki.sign(request, named, {
      authority: shown.authority,
      validity: { nowMs: shown.nowMs, lifetimeMs: DAY_MS },
    });
    const server = createServer({ cert: `${cert}${shown.chain}`, key });
    server.on("tlsClientError", () => {});
    const impostor = new Impostor(server);
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve());
    });
    return impostor;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" ? address?.port ?? 0 : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function ask(port: number, authorityHash: string): Promise<DeskReply> {
  return await askDesk({
    ...{ peer: { host: "127.0.0.1", port }, authorityHash },
    request: {
      token: { id: "x", secret: "very secret" },
      ...{ use: "join", name: "db2", hosts: [], request: "x" },
      ...{ nowMs: Date.now(), postgresMajors: [] },
    },
  });
}

async function authorityAt(nowMs: number): Promise<CertifiedKey> {
  return await pki.makeAuthority("main", {
    nowMs,
    lifetimeMs: 100 * DAY_MS,
  });
}

async function hashOf({ cert }: CertifiedKey): Promise<string> {
  return (await pki.read(cert))?.hash ?? "";
}

Deno.test("who has a certificate of the token's authority is asked", async () => {
  const nowMs = Date.now();
  const authority = await authorityAt(nowMs);
  const { cert: chain } = authority;
  const shown = { authority, chain, host: "127.0.0.1", nowMs };
  await using server = await Impostor.start(shown);
  const reply = await ask(server.port, await hashOf(authority));
  assert.deepEqual(reply, {
    ...{ kind: "answered", status: 403, text: "no", document: null },
  });
  assert.deepEqual(server.requests, ["/join"]);
});

const LIES: readonly (readonly [
  string,
  (good: CertifiedKey, nowMs: number) => Promise<Partial<Shown>>,
  RegExp,
])[] = [
  [
    "has another authority of the same name",
    async (_good, nowMs) => {
      const authority = await authorityAt(nowMs);
      return { authority, chain: authority.cert };
    },
    /belongs to another cluster/,
  ],
  [
    "shows the right authority behind a certificate of another",
    async (good, nowMs) => ({
      authority: await authorityAt(nowMs),
      chain: good.cert,
    }),
    // What OpenSSL does not take for a chain, it does not show.
    /belongs to another cluster|is not of the token's cluster/,
  ],
  [
    "is a member at another address",
    () => Promise.resolve({ host: "127.0.0.2" }),
    /is for another address/,
  ],
  [
    "has a certificate of two days ago",
    (_good, nowMs) => Promise.resolve({ nowMs: nowMs - 2 * DAY_MS }),
    /the clock of this host says/,
  ],
  [
    "has a certificate of tomorrow",
    (_good, nowMs) => Promise.resolve({ nowMs: nowMs + DAY_MS }),
    /the clock of this host says/,
  ],
];

for (const [what, lie, expected] of LIES) {
  Deno.test(`who ${what} is told nothing`, async () => {
    const nowMs = Date.now();
    const good = await authorityAt(nowMs);
    await using server = await Impostor.start({
      ...{ authority: good, chain: good.cert, host: "127.0.0.1", nowMs },
      ...await lie(good, nowMs),
    });
    const reply = await ask(server.port, await hashOf(good));
    assert.equal(reply.kind, "untrusted", JSON.stringify(reply));
    assert.match(JSON.stringify(reply), expected);
    assert.deepEqual(server.requests, []);
  });
}

Deno.test("who does not speak TLS, or is not there, cannot be reached", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const answering = (async () => {
    const connection = await listener.accept();
    await connection.write(new TextEncoder().encode("HTTP/1.0 200 OK\r\n\r\n"));
    connection.close();
  })();
  assert.equal((await ask(port, "0".repeat(64))).kind, "unreachable");
  await answering;
  listener.close();
  assert.equal((await ask(port, "0".repeat(64))).kind, "unreachable");
});
