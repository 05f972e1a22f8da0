/**
 * A limit of sessions per server, and the queue behind it: in order, bounded, for
 * a limited time, through a change of the leader, in the statistics.
 */
import assert from "node:assert/strict";
import {
  CANCEL_CODE,
  cancelRequest,
  echoBackend,
  startupPacket,
  TestBackend,
  TestClient,
  until,
} from "../helpers/tcp.ts";
import { type ProxyRig, testFronts } from "./proxy_rig.ts";

async function withLeader(
  rig: ProxyRig,
  name: string,
  backend: { readonly port: number },
): Promise<void> {
  await rig.keys.primary(name, backend.port);
  await rig.keys.lead(name);
  await until(
    `${name} is routed`,
    () => rig.proxy.stats().routes.primary?.name === name,
  );
}

/** A client that waits in the queue. */
async function queued(rig: ProxyRig, port?: number): Promise<TestClient> {
  const before = inQueue(rig);
  const client = await TestClient.connect(port ?? rig.proxy.ports.primary);
  await until("it waits", () => inQueue(rig) === before + 1, () => [
    inQueue(rig),
    client.text,
  ]);
  return client;
}

function inQueue(rig: ProxyRig): number {
  return Object.values(rig.proxy.stats().ports)
    .reduce((sum, { inQueue }) => sum + inQueue, 0);
}

testFronts(
  "proxy serves who waits for a place in their order",
  async (open) => {
    await using rig = await open({ serverConnectionsMax: 2 });
    await using one = echoBackend("one");
    await withLeader(rig, "n1", one);
    await using first = await TestClient.connect(rig.proxy.ports.primary);
    await first.untilText("one\n");
    await using second = await TestClient.connect(rig.proxy.ports.primary);
    await second.untilText("one\n");
    // More than there are threads, so that they wait in all of them.
    const waiting: TestClient[] = [];
    for (let i = 0; i < 6; i++) waiting.push(await queued(rig));
    const leaving = [first, second, ...waiting];
    for (const [i, client] of waiting.entries()) {
      assert.equal(client.text, "", `${i} was served too early`);
      await leaving[i]?.[Symbol.asyncDispose]();
      await client.untilText("one\n");
      const served = waiting.filter(({ text }) => text !== "").length;
      assert.equal(served, i + 1);
      assert.equal(one.connections.size, 2);
    }
    const { queued: total, queueTimeouts, sessions, times } = rig.proxy.stats()
      .ports.primary;
    assert.deepEqual([total, queueTimeouts, sessions], [6, 0, 2]);
    assert.equal(times.queue.counts.at(-1), 6);
    assert.equal(times.hold.counts.at(-1), 0, "no server was missing");
    for (const client of waiting) await client[Symbol.asyncDispose]();
  },
);

testFronts(
  "proxy lets only so many wait, and only for so long",
  async (open) => {
    await using rig = await open({
      ...{ serverConnectionsMax: 1, queueMax: 1, queueTimeoutMs: 400 },
    });
    await using one = echoBackend("one");
    await withLeader(rig, "n1", one);
    await using first = await TestClient.connect(rig.proxy.ports.primary);
    await first.untilText("one\n");
    await using second = await queued(rig);
    await using third = await TestClient.connect(rig.proxy.ports.primary);
    await third.untilEnd();
    assert.match(
      third.text,
      /C53300\0.*too many wait|C53300\0.*too many clients/,
    );
    await second.untilEnd();
    assert.match(second.text, /C53300\0Mno place on a server became free/);
    const { queueFull, queueTimeouts, holdTimeouts } =
      rig.proxy.stats().ports.primary;
    assert.deepEqual([queueFull, queueTimeouts, holdTimeouts], [1, 1, 0]);
    await until("nobody waits", () => inQueue(rig) === 0);
    await using fourth = await queued(rig);
    await first[Symbol.asyncDispose]();
    await fourth.untilText("one\n");
  },
);

testFronts(
  "a client that goes while it waits leaves the queue",
  async (open) => {
    await using rig = await open({ serverConnectionsMax: 1 });
    await using one = echoBackend("one");
    await withLeader(rig, "n1", one);
    await using first = await TestClient.connect(rig.proxy.ports.primary);
    await first.untilText("one\n");
    const second = await queued(rig);
    await using third = await queued(rig);
    await second[Symbol.asyncDispose]();
    await until("it is gone", () => inQueue(rig) === 1);
    assert.equal(rig.proxy.stats().ports.primary.gone, 1);
    await first[Symbol.asyncDispose]();
    await third.untilText("one\n");
    await until("none is left over", () => rig.proxy.state().sessions === 1);
  },
);

testFronts("a queue outlives a change of the leader", async (open) => {
  await using rig = await open({ serverConnectionsMax: 1 });
  await using one = echoBackend("one");
  await using two = echoBackend("two");
  await withLeader(rig, "n1", one);
  await using first = await TestClient.connect(rig.proxy.ports.primary);
  await first.untilText("one\n");
  await using second = await queued(rig);
  await rig.keys.remove("leader");
  await first.untilEnd();
  await until("nobody leads", () => rig.proxy.stats().routes.primary === null);
  // Comes while there is no server: it is held, and is behind who waits already.
  await using third = await TestClient.connect(rig.proxy.ports.primary);
  await until("both wait", () => rig.proxy.state().held === 2);
  assert.deepEqual([second.text, third.text], ["", ""]);
  await withLeader(rig, "n2", two);
  await second.untilText("two\n");
  await until("the third waits for a place", () => inQueue(rig) === 1);
  await second[Symbol.asyncDispose]();
  await third.untilText("two\n");
  // Back again: the old leader's places are all free.
  await withLeader(rig, "n1", one);
  await third.untilEnd();
  await using fourth = await TestClient.connect(rig.proxy.ports.primary);
  await fourth.untilText("one\n");
  await using fifth = await queued(rig);
  await fourth[Symbol.asyncDispose]();
  await fifth.untilText("one\n");
});

testFronts("a cancel request waits for no place", async (open) => {
  await using rig = await open({ serverConnectionsMax: 1 });
  let cancels = 0;
  await using one = new TestBackend(async (connection) => {
    const bytes = new Uint8Array(100);
    await connection.read(bytes);
    const code = new DataView(bytes.buffer).getUint32(4);
    if (code === CANCEL_CODE) return void cancels++;
    await connection.write(new TextEncoder().encode("one\n"));
    await connection.read(bytes);
  });
  await withLeader(rig, "n1", one);
  await using first = await TestClient.connect(rig.proxy.ports.primary);
  await first.untilText("one\n");
  await using second = await queued(rig);
  await using canceller = await TestClient.silent(rig.proxy.ports.primary);
  await canceller.send(cancelRequest());
  await until("it is told", () => cancels === 1);
  await canceller.untilEnd();
  assert.equal(second.text, "");
  await first[Symbol.asyncDispose]();
  await second.untilText("one\n");
});

testFronts("the ports share a server's places", async (open) => {
  await using rig = await open({
    serverConnectionsMax: 1,
    extraDoors: [{
      ...{ name: "again", port: 0, setting: "ports[0].port" },
      rule: { to: "leader", zone: null, isFallback: null },
      ...{ balance: "least", connectionsMax: 100 },
    }],
  });
  await using one = echoBackend("one");
  await withLeader(rig, "n1", one);
  await using first = await TestClient.connect(rig.proxy.ports.primary);
  await first.untilText("one\n");
  await using second = await queued(rig, rig.proxy.ports.doors["again"]);
  await first[Symbol.asyncDispose]();
  await second.untilText("one\n");
});

testFronts(
  "who could not reach a server waits again, and gives its place back",
  async (open) => {
    await using rig = await open({ serverConnectionsMax: 1 });
    await using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    await withLeader(rig, "n1", { port });
    await using first = await TestClient.connect(rig.proxy.ports.primary);
    await using second = await TestClient.connect(rig.proxy.ports.primary);
    await until("both wait", () => rig.proxy.state().held === 2);
    await using _one = echoBackend("one", port);
    await until(
      "one of them is served",
      () => [first, second].some(({ text }) => text === "one\n"),
      () => [first.text, second.text],
    );
    const [served, other] = first.text === ""
      ? [second, first]
      : [first, second];
    await until("the other waits for a place", () => inQueue(rig) === 1);
    await served.conn.closeWrite();
    await other.untilText("one\n");
  },
);

testFronts("a queue of many is served by few places", async (open) => {
  await using rig = await open({
    ...{ serverConnectionsMax: 3, connectionsMax: 300 },
    routeConnectionsMax: { primary: 300, replica: 300 },
    queueMax: 300,
  });
  let most = 0;
  await using one = new TestBackend(async (connection) => {
    most = Math.max(most, one.connections.size);
    await connection.read(new Uint8Array(startupPacket().length));
    await connection.write(new TextEncoder().encode("one\n"));
  });
  await withLeader(rig, "n1", one);
  const clients = await Promise.all(
    Array.from(
      { length: 150 },
      () => TestClient.connect(rig.proxy.ports.primary),
    ),
  );
  // A session has ended when both sides have.
  await Promise.all(clients.map(async (client) => {
    await client.untilEnd();
    await client[Symbol.asyncDispose]();
  }));
  assert.deepEqual(
    clients.filter(({ text }) => text !== "one\n").map(({ text }) => text),
    [],
  );
  // A backend sees the end of one session a little after the proxy.
  assert.ok(most <= 3 + 3, `${most} at the same time`);
  await until("all places are free", () => rig.proxy.state().sessions === 0);
});

testFronts("the queue is in every statistic", async (open) => {
  await using rig = await open({ serverConnectionsMax: 1, queueMax: 7 });
  await using one = echoBackend("one");
  await withLeader(rig, "n1", one);
  await using first = await TestClient.connect(rig.proxy.ports.primary);
  await first.untilText("one\n");
  await using _second = await queued(rig);
  const base = `http://127.0.0.1:${rig.statsPort}`;
  const csv = await (await fetch(`${base}/;csv`)).text();
  const [head = "", ...lines] = csv.trim().split("\n");
  const cell = (line: string, name: string): string | undefined =>
    lines.find((one) => one.startsWith(`primary,${line},`))?.split(",")[
      head.replace(/^# /, "").split(",").indexOf(name)
    ];
  assert.equal(cell("n1", "slim"), "1");
  assert.equal(cell("BACKEND", "qcur"), "1");
  assert.equal(cell("BACKEND", "qlimit"), "7");
  const metrics = await (await fetch(`${base}/metrics`)).text();
  assert.match(metrics, /_in_queue\{scope="demo",route="primary"\} 1\n/);
  assert.match(metrics, /_queued_total\{scope="demo",route="primary"\} 1\n/);
  const stats = await (await fetch(`${base}/stats`)).json();
  assert.deepEqual([stats.serverConnectionsMax, stats.ports.primary.inQueue], [
    1,
    1,
  ]);
});
