/** The session log, idle limits and the limit of new sessions, by both data planes. */
import assert from "node:assert/strict";
import type { SessionRecord } from "../../proxy/session_record.ts";
import { echoBackend, TestClient, until } from "../helpers/tcp.ts";
import { testFronts } from "./proxy_rig.ts";

/** A startup packet with these words. */
function startup(words: readonly string[]): Uint8Array {
  const body = new TextEncoder().encode(`${words.join("\0")}\0\0`);
  const packet = new Uint8Array(8 + body.length);
  const view = new DataView(packet.buffer);
  view.setUint32(0, packet.length);
  view.setUint32(4, 196_608);
  packet.set(body, 8);
  return packet;
}

testFronts("each session is logged, with what it was", async (open) => {
  const records: SessionRecord[] = [];
  await using one = echoBackend("one");
  await using rig = await open({ onSession: (record) => records.push(record) });
  await rig.keys.primary("n1", one.port);
  await rig.keys.lead("n1");
  {
    await using client = await TestClient.silent(rig.proxy.ports.primary);
    await client.send(startup(["user", 'a"\n b', "database", "shop"]));
    await client.untilText("one\n");
  }
  await until("the first is told", () => records.length === 1);
  const [first] = records;
  assert.deepEqual([first?.user, first?.database], ['a"\n b', "shop"]);
  assert.deepEqual([first?.backend?.name, first?.address], ["n1", "127.0.0.1"]);
  assert.ok(first?.end === "ended" || first?.end === "client_lost");
  assert.ok((first?.bytesSent ?? 0) > 20);
  assert.ok((first?.bytesReceived ?? 0) >= "one\n".length);
  {
    await using client = await TestClient.silent(rig.proxy.ports.primary);
    await client.send(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
    await client.untilEnd();
  }
  await until("the second is told", () => records.length === 2);
  assert.deepEqual([records[1]?.end, records[1]?.backend], ["garbage", null]);
  await using cut = await TestClient.connect(rig.proxy.ports.primary);
  await cut.untilText("one\n");
  await rig.keys.remove("leader");
  await until("the third is told", () => records.length === 3);
  assert.equal(records[2]?.end, "cut");
});

testFronts("a client that is silent for too long is ended", async (open) => {
  const records: SessionRecord[] = [];
  await using one = echoBackend("one");
  await using rig = await open({
    ...{ clientTimeoutMs: 300, serverTimeoutMs: 600_000 },
    onSession: (record) => records.push(record),
  });
  await rig.keys.primary("n1", one.port);
  await rig.keys.lead("n1");
  await using client = await TestClient.connect(rig.proxy.ports.primary);
  await client.untilText("one\n");
  await client.untilEnd();
  await until("it is told", () => records.length === 1);
  assert.equal(records[0]?.end, "client_timeout");
  const { cut, idle } = rig.proxy.stats().ports.primary;
  assert.deepEqual([cut, idle], [0, 1]);
});

testFronts("a source that comes too often is refused", async (open) => {
  await using one = echoBackend("one");
  await using rig = await open({ newPerSourceMax: 0.002 });
  await rig.keys.primary("n1", one.port);
  await rig.keys.lead("n1");
  const throttled = (): number => rig.proxy.stats().ports.primary.throttled;
  // Each thread counts for itself, and lets one in.
  for (let i = 0; i < 4 && throttled() === 0; i++) {
    await using client = await TestClient.connect(rig.proxy.ports.primary);
    await until("it is served or refused", () => client.text !== "");
  }
  await using late = await TestClient.connect(rig.proxy.ports.primary);
  await late.untilText("too many new connections from this address");
  await late.untilEnd();
});
