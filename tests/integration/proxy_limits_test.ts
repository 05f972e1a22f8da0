/** Clients that are too many, too slow, from elsewhere, or no clients at all. */
import assert from "node:assert/strict";
import {
  echoBackend,
  startupPacket,
  TestBackend,
  TestClient,
  until,
} from "../helpers/tcp.ts";
import { type ProxyRig, testFronts } from "./proxy_rig.ts";

function packet(length: number, code: number, bodyBytes: number): Uint8Array {
  const bytes = new Uint8Array(8 + bodyBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length);
  view.setUint32(4, code);
  return bytes;
}

const SSL_REQUEST = packet(8, 80877103, 0);
const CANCEL_REQUEST = packet(16, 80877102, 8);

async function withLeader(rig: ProxyRig, backend: TestBackend): Promise<void> {
  await rig.keys.primary("n1", backend.port);
  await rig.keys.lead("n1");
  await until("n1 is routed", () => rig.proxy.stats().routes.primary !== null);
}

testFronts(
  "proxy ends clients that speak something else, and asks nobody",
  async (open) => {
    await using rig = await open();
    await using one = echoBackend("one");
    await withLeader(rig, one);
    const strangers = [
      new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"),
      packet(4, 3 << 16, 0),
      packet(10_001, 3 << 16, 100),
      packet(0xffffffff, 0, 0),
      packet(8, 7 << 16, 0),
      packet(9, 80877103, 1),
      packet(100_000, 80877102, 8),
    ];
    for (const [i, bytes] of strangers.entries()) {
      await using client = await TestClient.silent(rig.proxy.ports.primary);
      await client.send(bytes);
      await client.untilEnd();
      assert.equal(rig.proxy.stats().ports.primary.garbage, i + 1);
    }
    assert.equal(one.accepted, 0);
  },
);

testFronts("proxy gives a first packet only so much time", async (open) => {
  await using rig = await open({ startupTimeoutMs: 200 });
  await using one = echoBackend("one");
  await withLeader(rig, one);
  const beginnings = [new Uint8Array(0), startupPacket().subarray(0, 11)];
  for (const [i, bytes] of beginnings.entries()) {
    await using client = await TestClient.silent(rig.proxy.ports.primary);
    await client.send(bytes);
    await client.untilEnd();
    await until("it is over", () => rig.proxy.state().held === 0);
    assert.equal(rig.proxy.stats().ports.primary.late, i + 1);
  }
  assert.equal(one.accepted, 0);
});

testFronts(
  "proxy leaves the time after the first packet to PostgreSQL",
  async (open) => {
    await using rig = await open({ startupTimeoutMs: 1_000 });
    await using quiet = new TestBackend(async (connection) => {
      await connection.read(new Uint8Array(100));
      await connection.write(new TextEncoder().encode("N"));
      await connection.read(new Uint8Array(100));
    });
    await withLeader(rig, quiet);
    await using client = await TestClient.silent(rig.proxy.ports.primary);
    await client.send(SSL_REQUEST);
    await client.untilText("N");
    await using late = await TestClient.silent(rig.proxy.ports.primary);
    await late.untilEnd();
    assert.equal(client.isEnded, false);
  },
);

testFronts(
  "proxy ends a client that asks for TLS and then neither speaks nor reads",
  async (open) => {
    await using rig = await open({ holdTimeoutMs: 100 });
    await using client = await TestClient.silent(rig.proxy.ports.primary);
    await client.send(SSL_REQUEST);
    // There is no leader: it is turned down, and says no more.
    await client.untilText("N");
    await client.untilEnd();
    await until("it is over", () => rig.proxy.state().held === 0);
    assert.equal(rig.proxy.stats().ports.primary.holdTimeouts, 1);
  },
);

testFronts("proxy lets in only the networks it is told", async (open) => {
  await using rig = await open({ allow: ["192.0.2.0/24", "2001:db8::/32"] });
  await using one = echoBackend("one");
  await withLeader(rig, one);
  await using client = await TestClient.connect(rig.proxy.ports.primary);
  await client.untilEnd();
  assert.equal(client.text, "");
  assert.equal(rig.proxy.stats().ports.primary.denied, 1);
});

testFronts("proxy counts the clients of each port, too", async (open) => {
  await using rig = await open({
    routeConnectionsMax: { primary: 1, replica: 100 },
  });
  await using one = echoBackend("one");
  await using two = echoBackend("two");
  await withLeader(rig, one);
  await rig.keys.replica("n2", two.port);
  await using first = await TestClient.connect(rig.proxy.ports.primary);
  await first.untilText("one\n");
  await using second = await TestClient.connect(rig.proxy.ports.primary);
  await second.untilEnd();
  assert.match(second.text, /C53300\0/);
  await using reader = await TestClient.connect(rig.proxy.ports.replica);
  await reader.untilText("two\n");
});

testFronts("proxy tells every replica of a cancel request", async (open) => {
  await using rig = await open();
  const told: number[] = [];
  const replica = (name: number) =>
    new TestBackend(async (connection) => {
      const bytes = new Uint8Array(100);
      const length = await connection.read(bytes);
      if (length === CANCEL_REQUEST.length) told.push(name);
    });
  await using two = replica(2);
  await using three = replica(3);
  await rig.keys.primary("n1", 1);
  await rig.keys.lead("n1");
  await rig.keys.replica("n2", two.port);
  await rig.keys.replica("n3", three.port);
  await until(
    "both are routed",
    () => rig.proxy.stats().routes.replicas.length === 2,
  );
  await using client = await TestClient.silent(rig.proxy.ports.replica);
  await client.send(CANCEL_REQUEST);
  await client.untilEnd();
  await until("both are told", () => told.length >= 2, () => told);
  assert.deepEqual(told.sort(), [2, 3]);
});

testFronts("proxy keeps serving through a storm of clients", async (open) => {
  await using rig = await open({ connectionsMax: 60 });
  await using one = echoBackend("one");
  await withLeader(rig, one);
  const port = rig.proxy.ports.primary;
  for (let wave = 0; wave < 5; wave++) {
    const clients = await Promise.all(
      Array.from({ length: 120 }, () => TestClient.connect(port)),
    );
    await until(
      "each was served or refused",
      () =>
        clients.every(({ text, isEnded }) =>
          text.startsWith("one\n") || text.startsWith("E") || isEnded
        ),
    );
    const served = clients.filter(({ text }) => text === "one\n").length;
    assert.ok(served > 0 && served <= 62, `${served}`);
    for (const client of clients) await client[Symbol.asyncDispose]();
    await until("all are gone", () => {
      const { sessions, held } = rig.proxy.state();
      return sessions + held === 0;
    }, () => rig.proxy.state());
  }
});
