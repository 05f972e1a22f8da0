/**
 * Goal: clients of any proxy reach a sealed instance through the proxy beside it,
 * and only through that.
 *
 * Method: two proxies with stores of their own, so that each believes what a
 * test wants: "inside" runs beside the sealed member n1, "outside" on another
 * host. An echo server is the instance.
 */
import assert from "node:assert/strict";
import type { Backend } from "../../lib/core/model/routes.ts";
import { echoBackend, TestClient, until } from "../helpers/tcp.ts";
import { type KeyWriter, type ProxyRig, testFronts } from "./proxy_rig.ts";
import { freePort } from "../helpers/free_ports.ts";

/** Makes n1 the sealed leader, behind a proxy's doors. */
async function sealedLeader(
  keys: KeyWriter,
  doors: Readonly<Record<"primary" | "replica", number>>,
): Promise<void> {
  const facts = { role: "primary", xlog_location: 1000 };
  await keys.member("n1", { port: freePort(), doors, ...facts });
  await keys.lead("n1");
}

function inside(port: number) {
  return { memberName: "n1", sealed: { name: "n1", host: "127.0.0.1", port } };
}

testFronts("another host's client reaches a sealed leader", async (open) => {
  await using one = echoBackend("one");
  await using near = await open(inside(one.port));
  await using far = await open({ memberName: null });
  await sealedLeader(near.keys, near.proxy.ports);
  await sealedLeader(far.keys, near.proxy.ports);
  await using client = await TestClient.connect(far.proxy.ports.primary);
  await client.untilText("one\n");
  await client.send("through both");
  await client.untilText("through both");
  assert.equal(near.proxy.stats().ports.primary.sessions, 1);
  assert.equal(viaOf(near.proxy.stats().routes.primary), "loopback");
  assert.equal(viaOf(far.proxy.stats().routes.primary), "proxy");
  // What the fence does first: the proxy beside the instance lets go of it.
  await near.keys.remove("leader");
  await client.untilEnd();
});

testFronts("a reader reaches a sealed replica", async (open) => {
  await using one = echoBackend("one");
  await using near = await open(inside(one.port));
  await using far = await open({ memberName: "n2" });
  for (const { keys } of [near, far]) {
    const facts = { replication_state: "streaming", xlog_location: 1000 };
    const doors = near.proxy.ports;
    await keys.member("n1", { port: freePort(), doors, ...facts });
  }
  await using client = await TestClient.connect(far.proxy.ports.replica);
  await client.untilText("one\n");
  assert.equal(near.proxy.stats().ports.replica.sessions, 1);
});

testFronts("a client waits until the inner proxy knows too", async (open) => {
  await using one = echoBackend("one");
  await using near = await open(inside(one.port));
  await using far = await open({ memberName: null });
  await sealedLeader(far.keys, near.proxy.ports);
  await using client = await TestClient.connect(far.proxy.ports.primary);
  await until("it was sent away", () => accepted(near) >= 2);
  assert.equal(client.text, "");
  await sealedLeader(near.keys, near.proxy.ports);
  await client.untilText("one\n");
});

testFronts(
  "two proxies that point at each other send nobody in circles",
  async (open) => {
    await using one = echoBackend("one");
    await using near = await open(inside(one.port));
    await using far = await open({
      ...{ memberName: "n2", holdTimeoutMs: 1_000 },
      sealed: { name: "n2", host: "127.0.0.1", port: one.port },
    });
    await sealedLeader(far.keys, near.proxy.ports);
    const facts = { role: "primary", xlog_location: 1000 };
    const doors = far.proxy.ports;
    await near.keys.member("n2", { port: freePort(), doors, ...facts });
    await near.keys.lead("n2");
    await until("it routes", () => near.proxy.stats().routes.primary !== null);
    await using client = await TestClient.connect(far.proxy.ports.primary);
    await client.untilEnd();
    assert.match(client.text, /C57P03\0Mno primary of scope "demo"/);
    assert.equal(accepted(far), 1);
    const tries = accepted(near);
    assert.ok(tries >= 2 && tries <= 20, `${tries} tries`);
    assert.equal(near.proxy.state().sessions, 0);
  },
);

testFronts("a door that never answers is given up", async (open) => {
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = silent.addr;
  await using far = await open({ memberName: null, holdTimeoutMs: 500 });
  await sealedLeader(far.keys, { primary: port, replica: port });
  await using client = await TestClient.connect(far.proxy.ports.primary);
  await client.untilEnd();
  assert.match(client.text, /C57P03/);
  assert.equal(far.proxy.stats().backends[0]?.dialFailures, 1);
});

testFronts("nobody hops to an instance that is not sealed", async (open) => {
  await using one = echoBackend("one");
  await using near = await open();
  await using far = await open({ memberName: null, holdTimeoutMs: 500 });
  await near.keys.primary("n1", one.port);
  await near.keys.lead("n1");
  await sealedLeader(far.keys, near.proxy.ports);
  await using client = await TestClient.connect(far.proxy.ports.primary);
  await client.untilEnd();
  assert.match(client.text, /C57P03/);
});

function accepted({ proxy }: ProxyRig): number {
  return proxy.stats().ports.primary.accepted;
}

function viaOf(backend: Backend | null): string | undefined {
  return backend?.via;
}
