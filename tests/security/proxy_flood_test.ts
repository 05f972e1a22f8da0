/**
 * Floods of the proxy by strangers: clients that say nothing, requests to the
 * statistics port that never end, cancel requests without number. Whoever is
 * connected goes on, whoever comes is served, no process ends.
 */
import assert from "node:assert/strict";
import { freePort } from "../helpers/free_ports.ts";
import {
  echoBackend,
  startupPacket,
  TestBackend,
  TestClient,
  until,
} from "../helpers/tcp.ts";
import { testFronts } from "../integration/proxy_rig.ts";

const PROGRAM =
  new URL("../integration/proxy_program.ts", import.meta.url).pathname;
const HOST = "127.0.0.1";
/** So many that they are not what limits. */
const WIDE = {
  connectionsMax: 1000,
  routeConnectionsMax: { primary: 1000, replica: 1000 },
};

/** Connections of one flood; all are closed at the end. */
class Flood implements Disposable {
  readonly conns: Deno.TcpConn[] = [];

  /** Opens `count` connections, each says `bytes`. */
  async open(port: number, count: number, bytes: Uint8Array): Promise<void> {
    for (let i = 0; i < count; i++) {
      try {
        const conn = await Deno.connect({ hostname: HOST, port });
        this.conns.push(conn);
        if (bytes.length > 0) await conn.write(bytes);
      } catch {
        // Turned away.
      }
    }
  }

  [Symbol.dispose](): void {
    for (const conn of this.conns) conn.close();
  }
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function cancelRequest(): Uint8Array {
  const request = new Uint8Array(16);
  const view = new DataView(request.buffer);
  view.setUint32(0, 16);
  view.setUint32(4, 80877102);
  return request;
}

testFronts("silent clients do not shut a real one out", async (open) => {
  await using one = echoBackend("one");
  await using rig = await open({ connectionsMax: 40, silentPerSourceMax: 60 });
  await rig.keys.primary("n1", one.port);
  await rig.keys.lead("n1");
  const { primary, replica } = rig.proxy.ports;
  await using early = await TestClient.connect(primary);
  await early.untilText("one\n");
  using flood = new Flood();
  await flood.open(replica, 100, new Uint8Array(0));
  await flood.open(primary, 200, startupPacket().subarray(0, 6));
  await until("a real client is served", async () => {
    await using client = await TestClient.connect(primary);
    await until("an answer", () => client.text !== "" || client.isEnded);
    return client.text === "one\n";
  }, () => rig.proxy.stats().ports);
  const { ports } = rig.proxy.stats();
  assert.ok(ports.primary.crowded + ports.replica.crowded > 0);
  await early.send("still here");
  await early.untilText("still here");
});

testFronts("an address has only its share of silent clients", async (open) => {
  await using one = echoBackend("one");
  await using rig = await open({ ...WIDE, silentPerSourceMax: 20 });
  await rig.keys.primary("n1", one.port);
  await rig.keys.lead("n1");
  using flood = new Flood();
  const { primary } = rig.proxy.ports;
  await flood.open(primary, 200, new Uint8Array(0));
  const held = (): number => rig.proxy.state().held;
  await until("most made room", () => {
    const { accepted } = rig.proxy.stats().ports.primary;
    return accepted === 200 && held() <= 20;
  }, () => rig.proxy.stats().ports.primary);
  assert.ok(rig.proxy.stats().ports.primary.crowded >= 180);
  // Nobody who speaks is hindered, from that very address.
  const clients: TestClient[] = [];
  try {
    for (let i = 0; i < 50; i++) {
      clients.push(await TestClient.connect(primary));
    }
    for (const client of clients) await client.untilText("one\n");
  } finally {
    for (const client of clients) await client[Symbol.asyncDispose]();
  }
});

testFronts(
  "the statistics are for the networks of proxy.allow",
  async (open) => {
    await using rig = await open({ allow: ["192.0.2.0/24"] });
    const conn = await Deno.connect({
      hostname: HOST,
      port: rig.statsPort,
    });
    assert.equal(await conn.read(new Uint8Array(1)).catch(() => null), null);
    conn.close();
  },
);

/** The whole answer to a request that is written as it is. */
async function ask(port: number, request: string): Promise<string> {
  const conn = await Deno.connect({ hostname: HOST, port });
  await conn.write(text(request));
  return await new Response(conn.readable).text();
}

testFronts("a foreign page learns nothing of the statistics", async (open) => {
  await using rig = await open();
  const { statsPort: stats } = rig;
  const get = (host: string) =>
    ask(stats, `GET /stats HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  for (const host of [`127.0.0.1:${stats}`, "localhost", `[::1]:${stats}`]) {
    assert.match(await get(host), /^HTTP\/1.1 200 OK\r\n[^]*"routes"/, host);
  }
  for (const host of ["evil.example", "127.0.0.1.evil.example:7000", "a b"]) {
    const answer = await get(host);
    assert.match(answer, /^HTTP\/1.1 421 /, host);
    assert.doesNotMatch(answer, /routes/);
  }
  assert.match(await ask(stats, "POST / HTTP/1.1\r\n\r\n"), /^HTTP\/1.1 405 /);
  assert.match(await ask(stats, "HEAD / HTTP/1.1\r\n\r\n"), /\r\n\r\n$/);
  assert.match(await ask(stats, "x".repeat(8192)), /^HTTP\/1.1 400 /);
  assert.match(await ask(stats, "GET /x HTTP/1.1\r\n\r\n"), /^HTTP\/1.1 404 /);
});

testFronts(
  "a flood of cancel requests opens few connections at once",
  async (open) => {
    let atOnce = 0;
    let most = 0;
    let told = 0;
    const replica = () =>
      new TestBackend(async (connection) => {
        most = Math.max(most, ++atOnce);
        const length = await connection.read(new Uint8Array(100));
        if (length === 16) told++;
        atOnce--;
      });
    await using two = replica();
    await using three = replica();
    await using four = replica();
    await using rig = await open(WIDE);
    await rig.keys.primary("n1", 1);
    await rig.keys.lead("n1");
    const backends = [two, three, four];
    for (const [i, { port }] of backends.entries()) {
      await rig.keys.replica(`n${i + 2}`, port);
    }
    await until(
      "all are routed",
      () => rig.proxy.stats().routes.replicas.length === 3,
    );
    using flood = new Flood();
    await flood.open(rig.proxy.ports.replica, 300, cancelRequest());
    await until("all were told", () => told === 900, () => told);
    assert.ok(most <= 2 * 32, `${most}`);
    await until("all are gone", () => rig.proxy.state().held === 0);
  },
);

/** A proxy as a process that may have few descriptors. */
class Scarce implements AsyncDisposable {
  readonly port = freePort();
  readonly statsPort = freePort();
  readonly #folder = Deno.makeTempDirSync({ prefix: "matriarch-flood-" });
  readonly #process: Deno.ChildProcess;
  hasEnded = false;

  constructor(front: "workers" | "portable", backend: TestBackend) {
    const line = `ulimit -n 300; exec "$@"`;
    const program = ["run", "--allow-all", "--quiet", "--no-check", PROGRAM];
    this.#process = new Deno.Command("bash", {
      args: [
        ...["-c", line, "bash", Deno.execPath(), ...program],
        ...[`${this.#folder}/proxy.sock`, `${this.port}`, `${backend.port}`],
        ...["one", front, `${this.statsPort}`],
      ],
      stdin: "null",
    }).spawn();
    this.#process.status.then(() => this.hasEnded = true);
  }

  /** A client that was greeted; null: turned away. */
  async client(): Promise<TestClient | null> {
    const client = await TestClient.connect(this.port).catch(() => null);
    if (client === null) return null;
    await until("an answer", () => client.text !== "" || client.isEnded);
    if (client.text === "one\n") return client;
    await client[Symbol.asyncDispose]();
    return null;
  }

  /** Whether the control socket still listens to who comes. */
  async isHeard(): Promise<boolean> {
    const path = `${this.#folder}/proxy.sock`;
    try {
      using conn = await Deno.connect({ transport: "unix", path });
      await conn.write(text(`{"type":"look"}\n`));
      return await conn.read(new Uint8Array(4096)) !== null;
    } catch {
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hasEnded) this.#process.kill("SIGKILL");
    await this.#process.status;
    await Deno.remove(this.#folder, { recursive: true });
  }
}

for (const front of ["workers", "portable"] as const) {
  Deno.test(`a proxy without descriptors goes on, whatever took them (${front})`, async () => {
    await using one = echoBackend("one");
    await using proxy = new Scarce(front, one);
    let session: TestClient | null = null;
    await until("it serves", async () => {
      session = await proxy.client();
      return session !== null;
    });
    await using early = session as unknown as TestClient;
    const floods = [
      [proxy.statsPort, "GET /stats HTTP/1.1\r\nHost: "],
      [proxy.port, ""],
      [proxy.port, "\u0000\u0000"],
    ] as const;
    for (const [port, beginning] of floods) {
      using flood = new Flood();
      await flood.open(port, 500, text(beginning));
      assert.equal(proxy.hasEnded, false);
      await early.send(`${port} ${beginning.length}`);
      await early.untilText(`${port} ${beginning.length}`);
    }
    await until("it serves again", async () => {
      await using client = await proxy.client();
      return client !== null;
    });
    await until("it is heard again", () => proxy.isHeard());
    const url = `http://${HOST}:${proxy.statsPort}/healthz`;
    await until("the statistics are back", async () => {
      const response = await fetch(url).catch(() => null);
      return await response?.text() === "ok\n";
    });
    assert.equal(proxy.hasEnded, false);
  });
}
