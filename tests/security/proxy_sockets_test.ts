/**
 * Goal: the unix sockets of a proxy (control, and the one through which the
 * listening sockets get to its successor) open to nobody but their own user, and
 * what is no message on them ends no proxy and cuts no client.
 *
 * Method: a process of another user that knocks, and frames of all kinds of
 * nonsense, sent by the own user because nobody else gets that far.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makeControlFolder } from "../../lib/compose/proxy_paths.ts";
import { DoorInbox, sendDoors } from "../../proxy/native/door_inbox.ts";
import { TCP_TUNING } from "../../proxy/tcp_tuning.ts";
import { FLAG, loadLibc } from "../../proxy/native/libc.ts";
import { adoptListener } from "../../proxy/native/native_listener.ts";
import { echoBackend, TestClient, until } from "../helpers/tcp.ts";
import { testFronts } from "../integration/proxy_rig.ts";

const NOBODY = 65_534;
const LINE_MAX = 10_000;

class Folder {
  readonly path = Deno.makeTempDirSync({ prefix: "matriarch-sockets-" });

  constructor() {
    // As a home of postgres is: others may look for names that they know.
    Deno.chmodSync(this.path, 0o755);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** What the system tells a process of another user that wants these paths. */
async function strangersLuck(paths: readonly string[]): Promise<string> {
  const script = `
    use Socket;
    for my $path (@ARGV) {
      for my $kind (SOCK_STREAM, SOCK_DGRAM) {
        socket(my $socket, PF_UNIX, $kind, 0) or die;
        my $is_open = connect($socket, sockaddr_un($path));
        print $is_open ? "connected" : $!{EACCES} ? "denied" : $!, "\\n";
      }
    }`;
  const { stdout, stderr } = await new Deno.Command("perl", {
    args: ["-MErrno", "-e", script, ...paths],
    ...{ uid: NOBODY, gid: NOBODY, cwd: "/" },
  }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

Deno.test({
  name:
    "another user reaches neither the control socket nor the inbox for doors",
  // Only root can be two users.
  ignore: Deno.uid() !== 0,
  fn: async () => {
    using folder = new Folder();
    const place = { scope: "main", name: "n1", dataDir: `${folder.path}/data` };
    const path = await makeControlFolder(place);
    assert.ok(path !== null);
    const listener = Deno.listen({ transport: "unix", path });
    const libc = loadLibc();
    const inbox = libc === null
      ? null
      : DoorInbox.open(libc, `${path}.doors.${Deno.pid}`);
    try {
      const paths = [path, ...(inbox === null ? [] : [inbox.path])];
      const luck = (await strangersLuck(paths)).trim().split("\n");
      assert.deepEqual(new Set(luck), new Set(["denied"]));
      assert.equal(luck.length, 2 * paths.length);
    } finally {
      listener.close();
      inbox?.close();
      libc?.unload();
    }
  },
});

const HEARTBEAT = {
  type: "heartbeat",
  pid: 4242,
  role: "primary",
  leaseDeadlineMs: null,
};

const FRAMES: readonly (readonly [string, string | Uint8Array])[] = [
  ["empty lines", "\n".repeat(10_000)],
  ["no line", "x".repeat(200_000)],
  ["binary", new Uint8Array(70_000).fill(0xff)],
  ["zeros", new Uint8Array(70_000)],
  ["a bomb", `${"[".repeat(60_000)}\n`],
  ["deep", `${'{"a":'.repeat(9_000)}1${"}".repeat(9_000)}\n`],
  ["an array", `[${JSON.stringify(HEARTBEAT)}]\n`],
  ["null", "null\n"],
  ["an unknown word", '{"type":"promote"}\n'],
  ["__proto__", '{"__proto__":{"type":"stop"}}\n'],
  ["a time beyond all", '{"type":"drain","ms":1e999}\n'],
  ["a time before all", '{"type":"drain","ms":-1e308}\n'],
  ["a text for a time", '{"type":"drain","ms":"1"}\n'],
  [
    "a deadline beyond all",
    `${JSON.stringify(HEARTBEAT).replace("null", "1e999")}\n`,
  ],
  [
    "a forged line",
    '{"type":"x\\u001b[2J\\nCRITICAL: all is lost\\u202e"}\n',
  ],
  [
    "a fence of nonsense",
    `${
      JSON.stringify({
        ...HEARTBEAT,
        fence: { instance: "primary", stopBudgetMs: "x", vips: [[], 1, {}] },
      })
    }\n`,
  ],
];

testFronts(
  "frames that are no message end no proxy and no session",
  async (open) => {
    using folder = new Folder();
    await using one = echoBackend("one");
    const controlPath = join(folder.path, "proxy.sock");
    await using rig = await open({ controlPath });
    await rig.keys.primary("n1", one.port);
    await rig.keys.lead("n1");
    assert.equal((Deno.statSync(controlPath).mode ?? 0) & 0o777, 0o600);
    await using client = await TestClient.connect(rig.proxy.ports.primary);
    await client.untilText("one\n");
    for (const [what, frame] of FRAMES) {
      const conn = await Deno.connect({ transport: "unix", path: controlPath });
      const bytes = typeof frame === "string"
        ? new TextEncoder().encode(frame)
        : frame;
      // It may close in the middle of it.
      const reading = readAll(conn);
      await writeAll(conn, bytes).catch(() => {});
      await conn.closeWrite().catch(() => {});
      await reading;
      conn.close();
      await client.send(`${what};`);
      await client.untilText(`${what};`);
    }
    await using next = await TestClient.connect(rig.proxy.ports.primary);
    await until("a new client is served", () => next.text !== "");
    const long = rig.log.lines.filter((line) => line.length > LINE_MAX);
    assert.deepEqual(long.map((line) => line.length), []);
  },
);

async function writeAll(
  conn: Deno.UnixConn,
  bytes: Uint8Array,
): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += await conn.write(bytes.subarray(at));
  }
}

async function readAll(conn: Deno.UnixConn): Promise<void> {
  const buffer = new Uint8Array(4096);
  try {
    while (await conn.read(buffer) !== null);
  } catch {
    // Reset.
  }
}

Deno.test("doors that are none are not opened for clients", () => {
  const libc = loadLibc();
  if (libc === null) return;
  using folder = new Folder();
  const inbox = DoorInbox.open(libc, join(folder.path, "doors"));
  assert.ok(inbox !== null);
  const ends = new Int32Array(2);
  libc.pipe2(ends, FLAG.nonBlocking | FLAG.closeOnExec);
  try {
    assert.equal(sendDoors(libc, inbox.path, [...ends]), true);
    const inherited = inbox.receive();
    assert.equal(inherited.length, 2);
    const listener = adoptListener("127.0.0.1", 5000, {
      ...{ libc, inherited, tcp: TCP_TUNING },
    });
    assert.equal(listener, null, "a pipe is no listener");
    for (const fd of inherited) libc.close(fd);
  } finally {
    inbox.close();
    for (const fd of ends) libc.close(fd);
    libc.unload();
  }
});
