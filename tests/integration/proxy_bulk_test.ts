/** Large results and uploads, which the worker threads move in another way. */
import assert from "node:assert/strict";
import {
  readStartup,
  sendAll,
  startupPacket,
  TestBackend,
} from "../helpers/tcp.ts";
import { ProxyRig, testFronts } from "./proxy_rig.ts";

const MIB = 1024 * 1024;
/** Far beyond what the kernel buffers, and no multiple of anything. */
const BULK_BYTES = 48 * MIB + 12_345;
const DEADLINE_MS = 30_000;
/** A prime, so that no part can be taken for another one. */
const PERIOD = 251;

const PATTERN = Uint8Array.from(
  { length: PERIOD * 4096 },
  (_, i) => i % PERIOD,
);

async function sendBulk(to: Deno.TcpConn, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += PATTERN.length) {
    await sendAll(to, PATTERN.subarray(0, count - sent));
  }
}

/** Reads so many bytes of the pattern; fails on a wrong one or too late. */
async function readBulk(from: Deno.TcpConn, count: number): Promise<void> {
  const timer = setTimeout(() => from.close(), DEADLINE_MS);
  const buffer = new Uint8Array(300_000);
  for (let received = 0; received < count;) {
    const room = buffer.subarray(0, count - received);
    const length = await from.read(room);
    assert.ok(length !== null, `ended after ${received} bytes`);
    for (const at of [0, length - 1]) {
      assert.equal(buffer[at], (received + at) % PERIOD, `byte ${received}`);
    }
    received += length;
  }
  clearTimeout(timer);
}

async function connect(rig: ProxyRig): Promise<Deno.TcpConn> {
  const port = rig.proxy.ports.primary;
  const client = await Deno.connect({ hostname: "127.0.0.1", port });
  await sendAll(client, startupPacket());
  return client;
}

testFronts(
  "proxy delivers a large result to its last byte, and talk goes on",
  async (open) => {
    await using backend = new TestBackend(async (connection) => {
      await readStartup(connection);
      for (const more of [0, 1]) {
        await sendBulk(connection, BULK_BYTES + more);
        // Says nothing more before the client has had everything and asks.
        await connection.read(new Uint8Array(10));
      }
    });
    await using rig = await open();
    await rig.keys.primary("n1", backend.port);
    await rig.keys.lead("n1");
    using client = await connect(rig);
    await readBulk(client, BULK_BYTES);
    await sendAll(client, new TextEncoder().encode("more"));
    await readBulk(client, BULK_BYTES + 1);
  },
);

testFronts(
  "proxy delivers a large upload, then the answer, then both ends",
  async (open) => {
    await using backend = new TestBackend(async (connection) => {
      await readStartup(connection);
      await readBulk(connection, BULK_BYTES);
      await sendBulk(connection, PERIOD);
      assert.equal(await connection.read(new Uint8Array(1)), null);
    });
    await using rig = await open();
    await rig.keys.primary("n1", backend.port);
    await rig.keys.lead("n1");
    using client = await connect(rig);
    await sendBulk(client, BULK_BYTES);
    await readBulk(client, PERIOD);
    await client.closeWrite();
    assert.equal(await client.read(new Uint8Array(1)), null);
    const [stats] = rig.proxy.stats().backends;
    assert.equal(stats?.bytesSent, BULK_BYTES + startupPacket().length);
    assert.equal(stats?.bytesReceived, PERIOD);
  },
);

testFronts(
  "proxy gives the next session nothing of one that broke off within a large result",
  async (open) => {
    await using backend = new TestBackend(async (connection) => {
      await readStartup(connection);
      await sendBulk(connection, BULK_BYTES);
    });
    await using rig = await open();
    await rig.keys.primary("n1", backend.port);
    await rig.keys.lead("n1");
    for (let i = 0; i < 4; i++) {
      const client = await connect(rig);
      await readBulk(client, 30 * MIB);
      client.close();
    }
    using client = await connect(rig);
    await readBulk(client, BULK_BYTES);
    assert.equal(await client.read(new Uint8Array(1)), null);
  },
);
