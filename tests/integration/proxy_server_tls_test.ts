/**
 * The proxy's own TLS to servers, on both data planes: each server is checked by
 * its own host, and what one says without TLS, or somebody in between, reaches no
 * client.
 */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { duplexOf } from "../../proxy/node_stream.ts";
import { nameRequest } from "../../proxy/startup.ts";
import type { ServerTls } from "../../proxy/tls_port.ts";
import { issued, selfSigned } from "../helpers/certificates.ts";
import { freePort } from "../helpers/free_ports.ts";
import { sendAll, TestBackend, TestClient, until } from "../helpers/tcp.ts";
import { TlsTestClient } from "../helpers/tls_client.ts";
import { type ProxyRig, type RigOptions, testFronts } from "./proxy_rig.ts";

/** A server's certificate and its key. */
interface Identity {
  readonly cert: string;
  readonly key: string;
}

interface Place {
  readonly open: (options?: RigOptions) => Promise<ProxyRig>;
  /** For the name "localhost", and for the address. */
  readonly named: Identity;
  readonly numbered: Identity;
}

/** A server that takes TLS, greets with its name and echoes. */
function tlsBackend(name: string, identity: Identity): TestBackend {
  return new TestBackend(async (connection) => {
    await connection.read(new Uint8Array(8));
    await sendAll(connection, new TextEncoder().encode("S"));
    const stream = duplexOf(connection);
    if (!isSocketLike(stream)) return;
    const socket = new TLSSocket(stream, { isServer: true, ...identity });
    const closed = new Promise<void>((resolve) => {
      stream.on("error", () => {}).once("close", resolve);
    });
    // Whoever refuses it goes away in the middle of the handshake.
    for (const event of ["error", "end", "close"]) {
      socket.on(event, () => stream.destroy());
    }
    socket.on("secure", () => socket.write(`${name}\n`)).resume();
    await closed;
  });
}

/** TLS takes any duplex stream; its types name sockets only. */
function isSocketLike(stream: unknown): stream is Socket {
  return stream !== null;
}

async function readIdentity(
  files: { readonly cert: string; readonly key: string },
): Promise<Identity> {
  return {
    cert: await Deno.readTextFile(files.cert),
    key: await Deno.readTextFile(files.key),
  };
}

/** Runs a test with a proxy that has a port for each way to check servers. */
function testServers(name: string, body: (place: Place) => Promise<void>) {
  testFronts(name, async (open) => {
    const folder = await Deno.makeTempDir({ prefix: "matriarch-tls-test-" });
    try {
      const { cert, key } = await selfSigned("proxy");
      const certfile = `${folder}/proxy.pem`;
      await Deno.writeTextFile(certfile, cert + key);
      const [one, two] = [
        await issued(folder, "named", "DNS:localhost"),
        await issued(folder, "numbered"),
      ];
      const cafile = `${folder}/authorities.pem`;
      const authorities = [one, two].map(({ ca }) => Deno.readTextFile(ca));
      await Deno.writeTextFile(
        cafile,
        (await Promise.all(authorities)).join(""),
      );
      const full = { mode: "verify-full", cafile, setting: "x" } as const;
      const terms: Readonly<Record<string, ServerTls>> = {
        own: { ...full, name: null },
        fixed: { ...full, name: "localhost" },
        any: { mode: "require", cafile: null, name: null, setting: "x" },
      };
      const options: RigOptions = {
        tlsPorts: Object.entries(terms).map(([door, server]) => {
          const usual = { names: [], door, certfile, keyfile: null };
          return { door, certificates: [{ ...usual, setting: "x" }], server };
        }),
        extraDoors: Object.keys(terms).map((door) => ({
          ...{ name: door, port: freePort(), setting: "x" },
          ...{ balance: "least", connectionsMax: 100 } as const,
          ...{ isTls: true, isServerTls: true } as const,
          rule: { to: "leader", zone: null, isFallback: null },
        })),
      };
      await body({
        open: (more) => open({ ...options, ...more }),
        named: await readIdentity(one),
        numbered: await readIdentity(two),
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** Makes a server at that address the leader, as a member of that name. */
async function lead(
  rig: ProxyRig,
  name: string,
  address: string,
): Promise<void> {
  await rig.keys.put(
    `members/${name}`,
    JSON.stringify({
      conn_url: `postgres://${address}/postgres`,
      api_url: "http://127.0.0.1:1/patroni",
      ...{ state: "running", role: "primary", version: "4.1.4" },
      xlog_location: 1000,
    }),
  );
  await rig.keys.lead(name);
  await until(
    `${name} is routed`,
    () => rig.proxy.stats().routes.primary?.name === name,
  );
}

function clientOf(rig: ProxyRig, door: string): Promise<TlsTestClient> {
  return TlsTestClient.connect(rig.proxy.ports.doors[door] ?? 0);
}

testServers(
  "each server's certificate is checked by its own host",
  async ({ open, named, numbered }) => {
    await using one = tlsBackend("one", named);
    await using two = tlsBackend("two", numbered);
    await using rig = await open();
    for (
      const [name, address, door, wanted] of [
        ["n1", `localhost:${one.port}`, "own", "one\n"],
        ["n1", `localhost:${one.port}`, "fixed", "one\n"],
        ["n2", `127.0.0.1:${two.port}`, "own", "two\n"],
        // It is another one than the certificate says.
        ["n3", `127.0.0.1:${one.port}`, "own", "127.0.0.1: "],
        ["n4", `localhost:${two.port}`, "own", "localhost: "],
        // One name for all of them.
        ["n3", `127.0.0.1:${one.port}`, "fixed", "one\n"],
        ["n2", `127.0.0.1:${two.port}`, "fixed", "127.0.0.1: "],
        ["n2", `127.0.0.1:${two.port}`, "any", "two\n"],
      ] as const
    ) {
      await lead(rig, name, address);
      await using client = await clientOf(rig, door);
      await client.untilText(wanted);
      if (wanted.endsWith("\n")) continue;
      assert.match(client.text, /C08006\0.*is not what this port/);
      assert.match(client.text, /does not match certificate/, wanted);
      await client.untilEnd();
    }
  },
);

/** What a server says to SSLRequest, and what the client is told of it. */
const ANSWERS: readonly (readonly [string | Uint8Array, string])[] = [
  ["N", "the server takes no TLS"],
  ["Ecould not fork poison\0", "it answered with an error"],
  ["E\0\0\0\x12SFATAL\0Mpoison\0\0", "it answered with an error"],
  ["Spoison", "it goes on without TLS after it has agreed to TLS"],
  // What only the proxy itself says.
  ["H\x09localhostS", "what answers there is no PostgreSQL"],
  ["HTTP/1.1 400 poison\r\n\r\n", "what answers there is no PostgreSQL"],
  ["", "it closed the connection when it was asked for TLS"],
];

testServers(
  "what a server says without TLS reaches no client",
  async ({ open }) => {
    await using rig = await open();
    for (const [at, [answer, wanted]] of ANSWERS.entries()) {
      await using backend = new TestBackend(async (connection) => {
        await connection.read(new Uint8Array(8));
        await sendAll(
          connection,
          typeof answer === "string"
            ? new TextEncoder().encode(answer)
            : answer,
        );
        if (answer.length > 0) await connection.read(new Uint8Array(64));
      });
      await lead(rig, `n${at}`, `127.0.0.1:${backend.port}`);
      for (const door of ["any", "own"]) {
        await using client = await clientOf(rig, door);
        await client.untilText(wanted);
        await client.untilEnd();
        assert.match(client.text, /^E.*C08006\0/s);
        assert.doesNotMatch(client.text, /poison/);
      }
    }
  },
);

testServers(
  "bytes in front of a server's handshake end it, and so does silence",
  async ({ open }) => {
    const poison = new TextEncoder().encode("R\0\0\0\x08\0\0\0\0poison");
    const went = Promise.withResolvers<void>();
    await using mixed = new TestBackend(async (connection) => {
      await connection.read(new Uint8Array(8));
      await sendAll(connection, new TextEncoder().encode("S"));
      // The client's first words of TLS: they are answered without TLS.
      await connection.read(new Uint8Array(16));
      await sendAll(connection, poison);
      await went.promise;
    });
    await using silent = new TestBackend(() => went.promise);
    await using rig = await open({ startupTimeoutMs: 1_000 });
    for (
      const [name, { port }, wanted] of [
        ["n1", mixed, "is not what this port"],
        ["n2", silent, "it takes too long"],
      ] as const
    ) {
      await lead(rig, name, `127.0.0.1:${port}`);
      await using client = await clientOf(rig, "any");
      await client.untilText(wanted);
      await client.untilEnd();
      assert.doesNotMatch(client.text, /poison/);
    }
    went.resolve();
  },
);

testServers(
  "nobody but the proxy itself is told which server it is",
  async ({ open, numbered }) => {
    await using backend = tlsBackend("one", numbered);
    await using rig = await open();
    await lead(rig, "n1", `127.0.0.1:${backend.port}`);
    await using client = await TestClient.silent(rig.proxy.ports.primary);
    await client.send(nameRequest());
    await client.untilEnd();
    assert.equal(client.text, "");
    assert.equal(rig.proxy.stats().ports.primary.garbage, 1);
    const port = rig.proxy.ports.doors["any"] ?? 0;
    await using other = await TestClient.silent(port);
    await other.send(nameRequest());
    await other.untilEnd();
    assert.equal(other.text, "");
    assert.equal(backend.accepted, 0);
  },
);
