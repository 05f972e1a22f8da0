/** Ports at which the proxy ends TLS itself, on both data planes. */
import assert from "node:assert/strict";
import { ProxyStartError } from "../../proxy/options.ts";
import type { SessionRecord } from "../../proxy/session_record.ts";
import type { TlsPort } from "../../proxy/tls_port.ts";
import { selfSigned } from "../helpers/certificates.ts";
import { freePort } from "../helpers/free_ports.ts";
import {
  echoBackend,
  sendAll,
  TestBackend,
  TestClient,
  until,
} from "../helpers/tcp.ts";
import { SSL_REQUEST, TlsTestClient } from "../helpers/tls_client.ts";
import { type ProxyRig, type RigOptions, testFronts } from "./proxy_rig.ts";

type Open = (options?: RigOptions) => Promise<ProxyRig>;

/** A certificate and its key in one file. */
async function pem(folder: string, name: string): Promise<string> {
  const { cert, key } = await selfSigned(name);
  const path = `${folder}/${name}.pem`;
  await Deno.writeTextFile(path, cert + key);
  return path;
}

function optionsFor(
  main: string,
  special: string,
  server: TlsPort["server"] = null,
): RigOptions {
  const common = {
    ...{ balance: "least", connectionsMax: 100, port: freePort() } as const,
    ...{ setting: "ports[0].port", isTls: true } as const,
    isServerTls: server !== null,
  };
  const rule = { zone: null, isFallback: null };
  const certificate = { keyfile: null, setting: "ports[0]" };
  const port: TlsPort = {
    door: "tls",
    server,
    certificates: [
      { ...certificate, names: [], certfile: main, door: "tls" },
      {
        ...certificate,
        names: ["ro.example.com", "*.ro.example.com"],
        certfile: special,
        door: "tls_replica",
      },
    ],
  };
  return {
    extraDoors: [
      { ...common, name: "tls", rule: { ...rule, to: "leader" } },
      { ...common, name: "tls_replica", rule: { ...rule, to: "replica" } },
    ],
    tlsPorts: [port],
  };
}

interface Place {
  readonly open: Open;
  readonly folder: string;
  readonly main: string;
}

/** Runs a test with a folder of certificates, which a proxy is given. */
function testTls(name: string, body: (place: Place) => Promise<void>): void {
  testFronts(name, async (open) => {
    const folder = await Deno.makeTempDir({ prefix: "matriarch-tls-test-" });
    try {
      const main = await pem(folder, "main");
      const special = await pem(folder, "special");
      const tls = optionsFor(main, special);
      await body({
        ...{ folder, main },
        open: (options) => open({ ...tls, ...options }),
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** A leader, and a replica if there is one. */
async function routed(
  rig: ProxyRig,
  leader: number,
  replica: number | null = null,
): Promise<number> {
  await rig.keys.primary("n1", leader);
  await rig.keys.lead("n1");
  if (replica !== null) await rig.keys.replica("n2", replica);
  const wanted = replica === null ? 0 : 1;
  await until("all are routed", () => {
    const { primary, replicas } = rig.proxy.stats().routes;
    return primary !== null && replicas.length === wanted;
  });
  return rig.proxy.ports.doors["tls"] ?? 0;
}

function countsOf(rig: ProxyRig, door: string) {
  const counts = rig.proxy.stats().ports[door];
  assert.ok(counts !== undefined);
  return counts;
}

testTls("the name of a client says certificate and way", async ({ open }) => {
  await using one = echoBackend("one");
  await using two = echoBackend("two");
  const records: SessionRecord[] = [];
  await using rig = await open({ onSession: (record) => records.push(record) });
  const port = await routed(rig, one.port, two.port);
  for (
    const [terms, backend, certificate] of [
      [{}, "one\n", "main"],
      [{ name: "else.example.com" }, "one\n", "main"],
      [{ name: "ro.example.com" }, "two\n", "special"],
      [{ name: "a.RO.example.com" }, "two\n", "special"],
      [{ name: "ro.example.com", direct: ["postgresql"] }, "two\n", "special"],
    ] as const
  ) {
    await using client = await TlsTestClient.connect(port, terms);
    await client.untilText(backend);
    assert.equal(client.seen, certificate, Deno.inspect(terms));
  }
  await until("all are in the log", () => records.length === 5);
  assert.deepEqual(
    // The threads of clients are no order.
    records.map(({ route, address, user }) => [route, address, user]).sort(),
    [
      ...Array.from({ length: 2 }, () => ["tls", "127.0.0.1", "x"]),
      ...Array.from({ length: 3 }, () => ["tls_replica", "127.0.0.1", "x"]),
    ],
  );
  assert.equal(countsOf(rig, "tls").connected, 2);
  assert.equal(countsOf(rig, "tls_replica").connected, 3);
  assert.equal(countsOf(rig, "tls_replica").port, port);
});

testTls("bulk data comes back whole, and a cut arrives", async ({ open }) => {
  await using one = echoBackend("one");
  await using two = echoBackend("two");
  await using rig = await open();
  const port = await routed(rig, one.port);
  await using client = await TlsTestClient.connect(port);
  await client.untilText("one\n");
  const bulk = "x".repeat(3_000_000);
  client.send(`${bulk}.`);
  await client.untilText(`${bulk}.`);
  // A change of leader: the session ends, and new ones reach the next.
  await rig.keys.primary("n2", two.port);
  await rig.keys.lead("n2");
  await client.untilEnd();
  await using next = await TlsTestClient.connect(port);
  await next.untilText("two\n");
  assert.equal(countsOf(rig, "tls").cut, 1);
});

testTls("a client without TLS is told that it needs it", async ({ open }) => {
  await using one = echoBackend("one");
  await using rig = await open();
  const port = await routed(rig, one.port);
  await using client = await TestClient.connect(port);
  await client.untilText("this port of the proxy takes TLS connections only");
  await client.untilEnd();
  await until("it is counted", () => countsOf(rig, "tls").denied === 1);
  assert.equal(one.accepted, 0);
});

testTls("who is no client of TLS costs nothing", async ({ open }) => {
  await using one = echoBackend("one");
  await using rig = await open({ startupTimeoutMs: 300 });
  const port = await routed(rig, one.port);
  const garbage = [
    "GET / HTTP/1.1\r\n\r\n",
    // A record of TLS that is none.
    Uint8Array.of(0x16, 3, 1, 0, 4, 255, 255, 255, 255),
    // Plain bytes right behind the request, as somebody in the middle would add.
    Uint8Array.of(...SSL_REQUEST, 0, 0, 0, 8),
  ];
  for (const [at, bytes] of garbage.entries()) {
    await using client = await TestClient.silent(port);
    await client.send(bytes);
    await client.untilEnd();
    await until(
      `it is counted (${at})`,
      () => countsOf(rig, "tls").garbage === at + 1,
    );
  }
  // TLS at once without the protocol's name could be meant for another server.
  await using other = await TlsTestClient.connect(port, {
    direct: ["http/1.1"],
  });
  await other.untilEnd();
  assert.equal(other.text, "");
  for (const slow of [new Uint8Array(0), SSL_REQUEST]) {
    await using client = await TestClient.silent(port);
    if (slow.length > 0) await client.send(slow);
    await client.untilEnd();
  }
  await until("they were late", () => countsOf(rig, "tls").late === 2);
  assert.equal(one.accepted, 0);
  assert.equal(countsOf(rig, "tls").sessions, 0);
  await using client = await TlsTestClient.connect(port);
  await client.untilText("one\n");
});

testTls("addresses are let in as at other ports", async ({ open }) => {
  await using one = echoBackend("one");
  await using rig = await open({ allow: ["192.0.2.0/24"] });
  const port = await routed(rig, one.port);
  await using client = await TestClient.silent(port);
  await client.untilEnd();
  await until("it is counted", () => countsOf(rig, "tls").denied === 1);
});

testTls(
  "a new certificate is for new clients",
  async ({ open, folder, main }) => {
    await using one = echoBackend("one");
    await using rig = await open();
    const port = await routed(rig, one.port);
    await using old = await TlsTestClient.connect(port);
    await old.untilText("one\n");
    const next = await pem(folder, "next");
    await Deno.rename(next, main);
    await until("it is taken", () => isSaid(rig, "New clients see"));
    await using client = await TlsTestClient.connect(port);
    await client.untilText("one\n");
    assert.equal(client.seen, "next");
    await Deno.writeTextFile(main, "nonsense");
    await until("it is refused", () => isSaid(rig, "stays in force"));
    await using more = await TlsTestClient.connect(port);
    await more.untilText("one\n");
    assert.equal(more.seen, "next");
    old.send("still here");
    await old.untilText("still here");
  },
);

function isSaid(rig: ProxyRig, text: string): boolean {
  return rig.log.lines.some((line) => line.includes(text));
}

testTls("a certificate of no use is said at the start", async (place) => {
  const { open, folder, main } = place;
  const { key } = await selfSigned("other");
  const [cert = ""] = (await Deno.readTextFile(main)).split("-----BEGIN P");
  const texts = [["nonsense", /Cannot use .*main\.pem \(proxy\.ports\[0\]\./], [
    cert + key,
    /\(proxy\.ports\[0\]\.certfile\): the key does not belong/,
  ]] as const;
  for (const [text, wanted] of texts) {
    await Deno.writeTextFile(main, text);
    await assert.rejects(open(), (error: Error) => {
      assert.ok(error instanceof ProxyStartError, `${error}`);
      assert.match(error.message, wanted);
      return true;
    });
  }
  await Deno.remove(main);
  await assert.rejects(open(), /No such file/);
  assert.deepEqual((await Array.fromAsync(Deno.readDir(folder))).length, 1);
});

function cancelRequest(): Uint8Array<ArrayBuffer> {
  const request = new Uint8Array(16);
  const view = new DataView(request.buffer);
  view.setUint32(0, 16);
  view.setUint32(4, 80877102);
  return request;
}

/** As libpq sends it since PostgreSQL 17. */
testTls(
  "a cancel request inside TLS is for all servers of its name",
  async ({ open }) => {
    await using one = echoBackend("one");
    await using two = echoBackend("two");
    await using three = echoBackend("three");
    await using rig = await open();
    await rig.keys.primary("n1", one.port);
    await rig.keys.lead("n1");
    await rig.keys.replica("n2", two.port);
    await rig.keys.replica("n3", three.port);
    await until("all are routed", () => {
      const { primary, replicas } = rig.proxy.stats().routes;
      return primary !== null && replicas.length === 2;
    });
    const accepted = () => [one.accepted, two.accepted, three.accepted];
    const port = rig.proxy.ports.doors["tls"] ?? 0;
    const first = cancelRequest();
    for (
      const [name, expected] of [
        ["ro.example.com", [0, 1, 1]],
        ["else.example.com", [1, 1, 1]],
      ] as const
    ) {
      await using _client = await TlsTestClient.connect(port, { name, first });
      await until(
        `those of ${name} are told`,
        () => accepted().join() === expected.join(),
        accepted,
      );
    }
  },
);

testTls("a cancel request needs no TLS", async ({ open }) => {
  await using one = echoBackend("one");
  await using two = echoBackend("two");
  await using rig = await open();
  const port = await routed(rig, one.port, two.port);
  await using client = await TestClient.silent(port);
  await client.send(cancelRequest());
  // Without a name it is for the servers of all names.
  await until(
    "both are told",
    () => one.accepted === 1 && two.accepted === 1,
    () => [one.accepted, two.accepted],
  );
});

testTls(
  "who is told to use TLS to servers does, or says why not",
  async ({ open, main }) => {
    const server = {
      mode: "require",
      cafile: null,
      name: null,
      setting: "x",
    } as const;
    // A server that takes no TLS, and goes on as PostgreSQL does.
    await using plain = new TestBackend(async (connection) => {
      await connection.read(new Uint8Array(8));
      await sendAll(connection, new TextEncoder().encode("N"));
      await connection.read(new Uint8Array(64));
      await sendAll(connection, Uint8Array.of(0x52, 0, 0, 0, 8, 0, 0, 0, 0));
      await connection.read(new Uint8Array(64));
    });
    await using rig = await open({
      ...optionsFor(main, main, server),
      holdTimeoutMs: 300,
    });
    const port = rig.proxy.ports.doors["tls"] ?? 0;
    await using held = await TlsTestClient.connect(port);
    await held.untilText("could be reached within 0.3 s");
    await held.untilEnd();
    await routed(rig, plain.port);
    await using client = await TlsTestClient.connect(port);
    await client.untilText("the server takes no TLS");
    await client.untilEnd();
  },
);

testTls(
  "who goes away at any moment leaves nothing behind",
  async ({ open }) => {
    await using one = echoBackend("one");
    const rig = await open();
    const port = await routed(rig, one.port);
    for (let i = 0; i < 10; i++) {
      const asking = await TestClient.silent(port);
      await asking.send(SSL_REQUEST);
      await asking[Symbol.asyncDispose]();
      const shaking = await TestClient.silent(port);
      await shaking.send(Uint8Array.of(0x16, 3, 1, 2, 0, 1));
      await shaking[Symbol.asyncDispose]();
      const secure = await TlsTestClient.connect(port);
      await secure.untilSecure();
      await secure[Symbol.asyncDispose]();
    }
    await until("nobody is there", () => {
      const { sessions, held } = countsOf(rig, "tls");
      return sessions === 0 && held === 0;
    });
    // It waits for all whom it knows of.
    await rig[Symbol.asyncDispose]();
  },
);
