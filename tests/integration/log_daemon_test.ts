import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { loadLibc } from "../../proxy/native/libc.ts";
import type { LogTarget } from "../../lib/core/model/log_target.ts";
import { DaemonSink } from "../../lib/adapters/log/daemon_sink.ts";

const ORIGIN = { app: "matriarch", hostname: "db1", processId: 7 };

function sinkTo(target: Exclude<LogTarget, { kind: "file" }>) {
  const lines: string[] = [];
  const fallback = { writeLine: (line: string) => void lines.push(line) };
  const sink = new DaemonSink({
    ...{ target, origin: ORIGIN, fallback, wallTimeMs: () => 0 },
  });
  return { sink, lines };
}

/** What arrives at a datagram socket while `send` works; null without libc. */
async function atSocket(send: (path: string) => void): Promise<string | null> {
  const libc = loadLibc();
  if (libc === null) return null;
  const folder = await Deno.makeTempDir({ prefix: "matriarch-log-" });
  try {
    const path = `${folder}/log`;
    const name = new TextEncoder().encode(path);
    const address = new Uint8Array(2 + name.length + 1);
    address[0] = 1;
    address.set(name, 2);
    const fd = libc.socket(1, 2, 0);
    assert.equal(libc.bind(fd, address, address.length), 0);
    send(path);
    const bytes = new Uint8Array(1000);
    const length = libc.recv(fd, bytes, bytes.length, 0x40);
    libc.close(fd);
    return new TextDecoder().decode(bytes.subarray(0, length));
  } finally {
    libc.unload();
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("DaemonSink speaks RFC 5424 to a local socket", async () => {
  const text = await atSocket((path) => {
    const { sink, lines } = sinkTo({ kind: "syslog", path });
    sink.writeLine("it is late", "WARNING");
    sink.close();
    assert.deepEqual(lines, []);
  });
  const wanted =
    "<28>1 1970-01-01T00:00:00.000Z db1 matriarch 7 - - it is late";
  assert.equal(text, wanted);
});

Deno.test("DaemonSink speaks the journal's protocol, lines and all", async () => {
  const text = await atSocket((path) => {
    const { sink } = sinkTo({ kind: "journald", path });
    sink.writeLine("one\ntwo", "ERROR");
    sink.close();
  });
  assert.equal(
    text,
    "PRIORITY=3\nSYSLOG_IDENTIFIER=matriarch\nMESSAGE\n" +
      "\x07\0\0\0\0\0\0\0one\ntwo\n",
  );
});

Deno.test("DaemonSink sends by UDP", async () => {
  const server = createSocket("udp4");
  const { promise, resolve } = Promise.withResolvers<string>();
  server.on("message", (bytes) => resolve(bytes.toString()));
  await new Promise<void>((done) => server.bind(0, "127.0.0.1", done));
  const { port } = server.address();
  const { sink } = sinkTo({ kind: "syslog_udp", host: "127.0.0.1", port });
  sink.writeLine("hello");
  assert.match(await promise, /^<30>1 .* hello$/);
  sink.close();
  await new Promise<void>((done) => server.close(() => done()));
});

Deno.test("DaemonSink loses no line when nobody listens, and says why once", () => {
  const { sink, lines } = sinkTo({ kind: "syslog", path: "/nowhere/log" });
  sink.writeLine("one");
  sink.writeLine("two");
  sink.close();
  assert.equal(lines.length, 3);
  assert.match(lines[0] ?? "", /^Cannot send log lines \(syslog\)/);
  assert.deepEqual(lines.slice(1), ["one", "two"]);
});
