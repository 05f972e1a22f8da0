/** Backends that swallow packets: what clients get beside them. */
import assert from "node:assert/strict";
import {
  BlackHole,
  echoBackend,
  TestBackend,
  TestClient,
  until,
} from "../helpers/tcp.ts";
import { type ProxyRig, testFronts } from "./proxy_rig.ts";

/** Longer than the test: who is served did not wait for it. */
const HOLD_MS = 600_000;

async function bothRouted(rig: ProxyRig): Promise<void> {
  await until(
    "both are routed",
    () => rig.proxy.stats().routes.replicas.length === 2,
  );
}

testFronts(
  "readers whose first replica swallows packets are served by the next",
  async (open) => {
    using hole = await BlackHole.open();
    await using one = echoBackend("one");
    await using rig = await open({
      holdTimeoutMs: HOLD_MS,
      connectTimeoutMs: 100,
    });
    await rig.keys.primary("n1", 1);
    await rig.keys.lead("n1");
    await rig.keys.replica("n2", hole.port);
    await rig.keys.replica("n3", one.port);
    await bothRouted(rig);
    const clients: TestClient[] = [];
    try {
      for (let i = 0; i < 6; i++) {
        const client = await TestClient.connect(rig.proxy.ports.replica);
        clients.push(client);
        await client.untilText("one\n");
      }
    } finally {
      for (const client of clients) await client[Symbol.asyncDispose]();
    }
    assert.ok(rig.log.lines.every((line) => !/^(ERROR|WARN)/.test(line)));
    const silent = rig.proxy.stats().backends.find(({ name }) => name === "n2");
    assert.deepEqual([silent?.failing, silent?.outages], [1, 1]);
  },
);

testFronts(
  "one reader alone waits for a silent replica, which is used again once it answers",
  async (open) => {
    const hole = await BlackHole.open();
    await using one = echoBackend("one");
    await using rig = await open({
      holdTimeoutMs: HOLD_MS,
      connectTimeoutMs: 300,
    });
    await rig.keys.primary("n1", 1);
    await rig.keys.lead("n1");
    await rig.keys.replica("n2", hole.port);
    await rig.keys.replica("n3", one.port);
    await bothRouted(rig);
    const silent = () =>
      rig.proxy.stats().backends.find(({ name, route }) =>
        name === "n2" && route === "replica"
      );
    const read = async (wanted: string): Promise<void> => {
      await using client = await TestClient.connect(rig.proxy.ports.replica);
      await client.untilText(wanted);
    };
    for (let i = 0; i < 20 && silent()?.failing !== 1; i++) await read("one\n");
    const trials = silent()?.dialFailures ?? 0;
    // Of these nobody dials it: only the trials in the background do.
    const sessions = () => silent()?.sessions;
    for (let i = 0; i < 20; i++) {
      await read("one\n");
      assert.equal(sessions(), 0);
    }
    assert.ok((silent()?.dialFailures ?? 0) >= trials);
    hole[Symbol.dispose]();
    await using two = echoBackend("two", hole.port);
    await until("it counts as reachable", () => silent()?.failing === 0);
    const used = async (): Promise<boolean> => {
      await using client = await TestClient.connect(rig.proxy.ports.replica);
      await client.untilText("\n");
      return (silent()?.sessionsTotal ?? 0) > 0;
    };
    await until("readers get it again", used);
    assert.ok(two.accepted > 1);
  },
);

testFronts(
  "clients wait for a leader that cannot be reached without dialling it, and all get it",
  async (open) => {
    const hole = await BlackHole.open();
    await using rig = await open({
      holdTimeoutMs: HOLD_MS,
      connectTimeoutMs: 100,
      workers: 1,
    });
    await rig.keys.primary("n1", hole.port);
    await rig.keys.lead("n1");
    const leader = () => rig.proxy.stats().backends[0];
    const clients = [await TestClient.connect(rig.proxy.ports.primary)];
    try {
      await until("the outage is known", () => leader()?.failing === 1);
      for (let i = 0; i < 20; i++) {
        clients.push(await TestClient.connect(rig.proxy.ports.primary));
      }
      await until(
        "all wait",
        () => rig.proxy.stats().ports.primary.held === 21,
      );
      assert.equal(leader()?.sessions, 0);
      hole[Symbol.dispose]();
      await using one = echoBackend("one", hole.port);
      for (const client of clients) await client.untilText("one\n");
      assert.equal(leader()?.failing, 0);
      // The trial that found it, too.
      assert.equal(one.accepted, 22);
    } finally {
      for (const client of clients) await client[Symbol.asyncDispose]();
    }
  },
);

testFronts(
  "the primary is tried again and again until it can be reached",
  async (open) => {
    const hole = await BlackHole.open();
    await using rig = await open({
      holdTimeoutMs: HOLD_MS,
      connectTimeoutMs: 50,
    });
    await rig.keys.primary("n1", hole.port);
    await rig.keys.lead("n1");
    await using client = await TestClient.connect(rig.proxy.ports.primary);
    const failures = () => {
      const { backends } = rig.proxy.stats();
      return backends.reduce((sum, one) => sum + one.dialFailures, 0);
    };
    await until("it was tried three times", () => failures() >= 3, failures);
    hole[Symbol.dispose]();
    await using one = echoBackend("one", hole.port);
    await client.untilText("one\n");
    // The trial that found it, and the client.
    assert.equal(one.accepted, 2);
  },
);

testFronts(
  "a cancel request reaches a replica beside one that swallows packets, and ends",
  async (open) => {
    using hole = await BlackHole.open();
    let told = 0;
    await using two = new TestBackend(async (connection) => {
      const length = await connection.read(new Uint8Array(100));
      if (length === 16) told++;
    });
    await using rig = await open({
      holdTimeoutMs: HOLD_MS,
      connectTimeoutMs: 100,
    });
    await rig.keys.primary("n1", 1);
    await rig.keys.lead("n1");
    await rig.keys.replica("n2", hole.port);
    await rig.keys.replica("n3", two.port);
    await bothRouted(rig);
    const request = new Uint8Array(16);
    new DataView(request.buffer).setUint32(0, 16);
    new DataView(request.buffer).setUint32(4, 80877102);
    await using client = await TestClient.silent(rig.proxy.ports.replica);
    await client.send(request);
    await client.untilEnd();
    assert.equal(told, 1);
  },
);
