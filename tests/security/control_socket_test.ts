/**
 * Goal: another local user cannot make the agent, the proxy or `fence-stop`
 * believe a control socket, and no message names a process that gets a signal.
 *
 * Method: folders as a stranger would have made them, and a peer that answers
 * like a proxy but gives another process for itself.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ProxyLink } from "../../lib/adapters/proxy_process/link.ts";
import { ProxyChild } from "../../lib/adapters/proxy_process/proxy_child.ts";
import { listeningInodes } from "../../lib/adapters/proxy_process/socket_owner.ts";
import { decodeProxyState } from "../../lib/adapters/proxy_process/state_codec.ts";
import {
  controlPathOf,
  makeControlFolder,
} from "../../lib/compose/proxy_paths.ts";
import { decodeControlMessage } from "../../proxy/control_codec.ts";
import { KeptLog, RealClock, until } from "../helpers/tcp.ts";

/** Listens at a path, answers once that it is another process, and then never. */
const FORGER = `
const [path, pid] = Deno.args;
const listener = Deno.listen({ transport: "unix", path });
const state = { type: "state", pid: Number(pid), version: "1", edition: null,
  sessions: 0, held: 0, isFenceArmed: true };
for await (const conn of listener) {
  await conn.write(new TextEncoder().encode(JSON.stringify(state) + "\\n"));
}
`;

const SLEEP_S = 60;

class Folder {
  readonly path = Deno.makeTempDirSync({ prefix: "matriarch-control-" });

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

function member(folder: Folder) {
  return { scope: "main", name: "n1", dataDir: join(folder.path, "data") };
}

Deno.test("the control socket lies in a folder of its own beside the data", async () => {
  using folder = new Folder();
  const path = await makeControlFolder(member(folder));
  assert.equal(path, join(folder.path, ".data.matriarch-run", "proxy.sock"));
  assert.equal(await controlPathOf(member(folder)), path);
});

Deno.test("a folder that others may enter is not believed", async () => {
  using folder = new Folder();
  const open = join(folder.path, ".data.matriarch-run");
  Deno.mkdirSync(open);
  Deno.chmodSync(open, 0o755);
  assert.notEqual(
    await makeControlFolder(member(folder)),
    `${open}/proxy.sock`,
  );
  const listener = Deno.listen({
    transport: "unix",
    path: `${open}/proxy.sock`,
  });
  const link = await ProxyLink.open(`${open}/proxy.sock`, () => {});
  listener.close();
  assert.equal(link, null);
});

Deno.test("a link in place of the folder is not believed", async () => {
  using folder = new Folder();
  const elsewhere = join(folder.path, "elsewhere");
  Deno.mkdirSync(elsewhere, { mode: 0o700 });
  const place = join(folder.path, ".data.matriarch-run");
  Deno.symlinkSync(elsewhere, place);
  assert.notEqual(
    await makeControlFolder(member(folder)),
    `${place}/proxy.sock`,
  );
});

Deno.test("a path that is too long for a socket goes elsewhere", async () => {
  using folder = new Folder();
  const dataDir = join(folder.path, "d".repeat(90));
  const path = await makeControlFolder({ ...member(folder), dataDir });
  assert.ok(new TextEncoder().encode(path).length < 107, path);
});

Deno.test("the process that gets the signal is the kernel's word, not a message's", async () => {
  using folder = new Folder();
  const socket = join(folder.path, "proxy.sock");
  await using victim = new Deno.Command("sleep", { args: [String(SLEEP_S)] })
    .spawn();
  const program = join(folder.path, "forger.ts");
  Deno.writeTextFileSync(program, FORGER);
  await using forger = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--quiet", program, socket, `${victim.pid}`],
  }).spawn();
  const log = new KeptLog();
  const child = new ProxyChild(
    { clock: new RealClock(), controlPath: socket, log },
    {
      start: {
        ...{ command: "/bin/true", args: [], env: {} },
        ...{ input: null, edition: null },
      },
      drain: null,
    },
  );
  const ended = new AbortController();
  const running = child.run(ended.signal);
  child.heartbeat({ role: "primary", leaseDeadlineMs: null });
  await until(
    "the forger is heard",
    () => child.state()?.pid === victim.pid,
    () => log.lines,
  );
  // Two heartbeats: the one answer is for the first.
  child.heartbeat({ role: "primary", leaseDeadlineMs: null });
  const { signal } = await forger.status;
  ended.abort();
  await running;
  assert.equal(signal, "SIGKILL");
  // Signal 0 would do; Deno has none.
  assert.ok(Deno.statSync(`/proc/${victim.pid}`).isDirectory);
});

Deno.test("listeningInodes() finds who listens, not who is connected", () => {
  const table = [
    "Num       RefCount Protocol Flags    Type St Inode Path",
    "0000: 00000002 00000000 00010000 0001 01 11 /run/a b/p.sock.1234",
    "0001: 00000003 00000000 00000000 0001 03 12 /run/a b/p.sock.1234",
    "0002: 00000002 00000000 00010000 0001 01 13 /run/a b/p.sock.other",
    "0003: 00000002 00000000 00010000 0001 01 14",
  ].join("\n");
  assert.deepEqual(listeningInodes(table, "/run/a b/p.sock"), ["11"]);
  assert.deepEqual(listeningInodes(table, "/run/a"), []);
});

Deno.test("no message carries a process below 2", () => {
  const state = { type: "state", sessions: 0, held: 0 };
  const heartbeat = {
    type: "heartbeat",
    role: "replica",
    leaseDeadlineMs: null,
  };
  for (const pid of [1, 0, -1, -4242, 2.5, "7"]) {
    assert.equal(decodeProxyState(JSON.stringify({ ...state, pid })), null);
    const line = JSON.stringify({ ...heartbeat, pid });
    assert.equal(decodeControlMessage(line), null);
  }
});
