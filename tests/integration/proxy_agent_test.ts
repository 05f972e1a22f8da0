/** The agent and its proxy: heartbeats, adoption, replacement, goodbye. */
import assert from "node:assert/strict";
import { ProxyLink } from "../../lib/adapters/proxy_process/link.ts";
import { ProxyChild } from "../../lib/adapters/proxy_process/proxy_child.ts";
import type { ProxyCommand } from "../../lib/adapters/proxy_process/proxy_starter.ts";
import {
  CANCEL_CODE,
  cancelRequest,
  echoBackend,
  KeptLog,
  RealClock,
  TestBackend,
  TestClient,
  until,
} from "../helpers/tcp.ts";
import { ProxyRig } from "./proxy_rig.ts";
import { ManualClock } from "../helpers/manual_clock.ts";
import type { FenceWord } from "../../lib/core/model/fence.ts";
import { linesOf } from "../../proxy/lines.ts";
import { freePort } from "../helpers/free_ports.ts";

const PROGRAM = new URL("./proxy_program.ts", import.meta.url).pathname;

/** A folder for a socket; removed at the end. */
class SocketFolder {
  readonly path = Deno.makeTempDirSync({ prefix: "matriarch-proxy-" });
  readonly socket = `${this.path}/proxy.sock`;

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** An agent's side of a proxy, with its supervision running. */
class Supervision {
  readonly log = new KeptLog();
  readonly child: ProxyChild;
  readonly #killed = new AbortController();
  readonly #running: Promise<void>;

  constructor(start: ProxyCommand, controlPath: string) {
    const clock = new RealClock();
    const parts = { controlPath, clock, log: this.log };
    this.child = new ProxyChild(parts, { start, drain: null });
    this.#running = this.child.run(this.#killed.signal);
  }

  /** The proxy's process, once it has answered. */
  async pid(): Promise<number> {
    this.child.heartbeat({ role: "primary", leaseDeadlineMs: null });
    await until(
      "the proxy answers",
      () => this.child.state() !== null,
      () => this.log.lines,
    );
    return this.child.state()?.pid ?? 0;
  }

  /** As if the agent was killed: the connection closes without a word. */
  async kill(): Promise<void> {
    this.#killed.abort();
    await this.#running;
    await this.child.hangUp();
  }

  /** As an agent ends: no supervision any more, but still some words. */
  async retire(): Promise<void> {
    this.#killed.abort();
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.retire();
    await this.child.stop();
  }
}

function command(
  folder: SocketFolder,
  port: number,
  { port: backendPort }: TestBackend,
): ProxyCommand {
  const args = [folder.socket, `${port}`, `${backendPort}`, "one"];
  return {
    command: Deno.execPath(),
    args: ["run", "--allow-all", "--quiet", "--no-check", PROGRAM, ...args],
    env: {},
    input: null,
    edition: null,
  };
}

function isRunning(pid: number): boolean {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return !/^\d+ \(.*\) Z/.test(status);
  } catch {
    return false;
  }
}

Deno.test("a heartbeat cuts sessions to a member that is no primary any more", async () => {
  using folder = new SocketFolder();
  await using one = echoBackend("one");
  await using rig = await ProxyRig.open({ controlPath: folder.socket });
  await rig.keys.primary("n1", one.port);
  await rig.keys.lead("n1");
  await using client = await TestClient.connect(rig.proxy.ports.primary);
  await client.untilText("one\n");
  const answers: number[] = [];
  const link = await ProxyLink.open(folder.socket, ({ sessions }) => {
    answers.push(sessions);
  });
  assert.ok(link);
  const beat = { type: "heartbeat", pid: 4242, leaseDeadlineMs: null } as const;
  link.send({ ...beat, role: "primary" });
  await link.settled();
  assert.deepEqual([answers, client.isEnded], [[1], false]);
  link.send({ ...beat, role: "demoted" });
  await client.untilEnd();
  assert.deepEqual(rig.proxy.stats().routes.primary, null);
  link.send({ ...beat, role: "primary" });
  await using again = await TestClient.connect(rig.proxy.ports.primary);
  await again.untilText("one\n");
  link.close();
  await link.ended;
});

Deno.test("a cancel request is held while the agent doubts that it leads", async () => {
  using folder = new SocketFolder();
  let cancels = 0;
  await using one = new TestBackend(async (connection) => {
    const bytes = new Uint8Array(100);
    await connection.read(bytes);
    const code = new DataView(bytes.buffer).getUint32(4);
    if (code === CANCEL_CODE) return void cancels++;
    await connection.write(new TextEncoder().encode("one\n"));
    await connection.read(bytes);
  });
  await using rig = await ProxyRig.open({
    ...{ controlPath: folder.socket, memberName: "n1" },
  });
  await rig.keys.primary("n1", one.port);
  await rig.keys.lead("n1");
  await using client = await TestClient.connect(rig.proxy.ports.primary);
  await client.untilText("one\n");
  const link = await ProxyLink.open(folder.socket, () => {});
  assert.ok(link);
  const beat = { type: "heartbeat", pid: 4242, leaseDeadlineMs: null } as const;
  link.send({ ...beat, role: "primary", isInDoubt: true });
  await link.settled();
  await using canceller = await TestClient.silent(rig.proxy.ports.primary);
  await canceller.send(cancelRequest());
  await until("it waits", () => rig.proxy.state().held === 1);
  // A commit that waits for a standby would be acknowledged by its cancellation.
  assert.deepEqual([cancels, client.isEnded], [0, false]);
  link.send({ ...beat, role: "primary", isInDoubt: false });
  await until("the doubt is over", () => cancels === 1);
  link.close();
  await link.ended;
});

Deno.test("a lease that is not renewed cuts the sessions at its deadline", async () => {
  using folder = new SocketFolder();
  await using one = echoBackend("one");
  await using rig = await ProxyRig.open({ controlPath: folder.socket });
  await rig.keys.primary("n1", one.port);
  await rig.keys.lead("n1");
  await using client = await TestClient.connect(rig.proxy.ports.primary);
  await client.untilText("one\n");
  const link = await ProxyLink.open(folder.socket, () => {});
  const leaseDeadlineMs = new RealClock().now() + 200;
  link?.send({
    type: "heartbeat",
    pid: 4242,
    role: "primary",
    leaseDeadlineMs,
  });
  await link?.settled();
  // The agent is killed; its lease runs out all the same.
  link?.close();
  await link?.ended;
  await client.untilEnd();
  assert.equal(
    rig.proxy.stats().routes.exclusions[0]?.reason,
    "local_lease_passed",
  );
});

Deno.test("a message that is none ends that connection only", async () => {
  using folder = new SocketFolder();
  await using rig = await ProxyRig.open({ controlPath: folder.socket });
  const bad = await Deno.connect({ transport: "unix", path: folder.socket });
  await bad.write(new TextEncoder().encode('{"type":"nonsense"}\n'));
  assert.equal(await bad.read(new Uint8Array(10)), null);
  bad.close();
  assert.equal(rig.proxy.state().sessions, 0);
});

Deno.test("a second proxy beside one member does not start", async () => {
  using folder = new SocketFolder();
  await using _rig = await ProxyRig.open({ controlPath: folder.socket });
  await assert.rejects(ProxyRig.open({ controlPath: folder.socket }), {
    name: "ProxyStartError",
    message: /^Another proxy already runs beside this member/,
  });
});

// A killed agent takes its handle of the child along; here it stays in this process.
const KILLED = { sanitizeOps: false, sanitizeResources: false };

Deno.test(
  "a killed agent's proxy is adopted, and its sessions go on",
  KILLED,
  async () => {
    using folder = new SocketFolder();
    await using backend = echoBackend("one");
    const port = freePort();
    const start = command(folder, port, backend);
    const first = new Supervision(start, folder.socket);
    const pid = await first.pid();
    await using client = await TestClient.connect(port);
    await client.untilText("one\n");
    await first.kill();

    await using second = new Supervision(start, folder.socket);
    assert.equal(await second.pid(), pid);
    await client.send("still here");
    await client.untilText("still here");
  },
);

Deno.test("a killed proxy is replaced", async () => {
  using folder = new SocketFolder();
  await using backend = echoBackend("one");
  const port = freePort();
  const start = command(folder, port, backend);
  await using agent = new Supervision(start, folder.socket);
  const pid = await agent.pid();
  Deno.kill(pid, "SIGKILL");
  await until("another proxy answers", () => {
    const now = agent.child.state()?.pid ?? pid;
    return now !== pid;
  }, () => agent.log.lines);
  await using client = await TestClient.connect(port);
  await client.untilText("one\n");
});

Deno.test("a proxy hears each second that its agent runs, once it guards something", async () => {
  using folder = new SocketFolder();
  using control = Deno.listen({ transport: "unix", path: folder.socket });
  const clock = new ManualClock();
  const start = { command: "/bin/false", args: [], env: {}, input: null };
  const child = new ProxyChild(
    { controlPath: folder.socket, clock, log: new KeptLog() },
    { start: { ...start, edition: null }, drain: null },
  );
  const killed = new AbortController();
  const running = child.run(killed.signal);
  const proxy = await control.accept();
  const heard = linesOf(proxy);
  const answer = { type: "state", pid: 4242, sessions: 0, held: 0 };
  const hear = async (): Promise<unknown> => {
    const { value = "{}" } = await heard.next();
    const facts = { version: "1", edition: null, isFenceArmed: false };
    const line = JSON.stringify({ ...answer, ...facts });
    await proxy.write(new TextEncoder().encode(`${line}\n`));
    return JSON.parse(value).type;
  };
  child.heartbeat({ role: "replica", leaseDeadlineMs: null, fence: null });
  assert.equal(await hear(), "heartbeat");
  await until("nothing is waited for", () => clock.sleepers === 0);
  const fence: FenceWord = {
    instance: "primary",
    ...{ isPaused: false, isStandingDown: false, stopBudgetMs: 5_000 },
    ...{ leaderRevision: null, vips: [] },
  };
  child.heartbeat({ role: "primary", leaseDeadlineMs: null, fence });
  assert.equal(await hear(), "heartbeat");
  for (let second = 0; second < 3; second++) {
    await until("only the next word is waited for", () => clock.sleepers === 1);
    await clock.advance(1_000);
    assert.equal(await hear(), "look");
  }
  killed.abort();
  proxy.close();
  await running;
});

Deno.test("a frozen proxy is replaced", async () => {
  using folder = new SocketFolder();
  await using backend = echoBackend("one");
  const port = freePort();
  const start = command(folder, port, backend);
  await using agent = new Supervision(start, folder.socket);
  const pid = await agent.pid();
  Deno.kill(pid, "SIGSTOP");
  agent.child.heartbeat({ role: "primary", leaseDeadlineMs: null });
  await until("another proxy answers", () => {
    const now = agent.child.state()?.pid ?? pid;
    return now !== pid;
  }, () => agent.log.lines);
  await using client = await TestClient.connect(port);
  await client.untilText("one\n");
  assert.match(agent.log.lines.join("\n"), /does not answer: it is replaced/);
});

Deno.test("stop ends the proxy", async () => {
  using folder = new SocketFolder();
  await using backend = echoBackend("one");
  const start = command(folder, freePort(), backend);
  await using agent = new Supervision(start, folder.socket);
  const pid = await agent.pid();
  await agent.retire();
  await agent.child.stop();
  await until("it is gone", () => !isRunning(pid));
});

Deno.test("a goodbye lets sessions end in peace, then the proxy", async () => {
  using folder = new SocketFolder();
  await using backend = echoBackend("one");
  const port = freePort();
  const start = command(folder, port, backend);
  await using agent = new Supervision(start, folder.socket);
  const pid = await agent.pid();
  const client = await TestClient.connect(port);
  await client.untilText("one\n");
  await agent.retire();
  agent.child.heartbeat({ role: "primary", leaseDeadlineMs: null });
  await agent.child.announceEnd();
  await until("it takes no new clients", async () => {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return false;
    } catch {
      return true;
    }
  });
  await client.send("still here");
  await client.untilText("still here");
  assert.equal(isRunning(pid), true);
  await client[Symbol.asyncDispose]();
  await until("it is gone", () => !isRunning(pid));
});

Deno.test("a proxy that cannot start is tried again with pauses, and said", async () => {
  using folder = new SocketFolder();
  const start: ProxyCommand = {
    ...{ command: "/nonexistent/matriarch", args: [], env: {}, input: null },
    edition: null,
  };
  await using agent = new Supervision(start, folder.socket);
  await until("it was said twice", () => agent.log.lines.length >= 2);
  assert.match(agent.log.lines[0] ?? "", /Cannot start the proxy.* 500 ms$/);
  assert.match(agent.log.lines[1] ?? "", /Cannot start the proxy.* 1000 ms$/);
  assert.match(agent.child.failure() ?? "", /^Cannot start the proxy/);
});

Deno.test("a proxy whose port is taken has failed; the next that answers has not", async () => {
  using folder = new SocketFolder();
  await using backend = echoBackend("one");
  const other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const start = command(folder, other.addr.port, backend);
  await using agent = new Supervision(start, folder.socket);
  await until("it has failed", () => agent.child.failure() !== null);
  assert.equal(agent.child.failure(), "The proxy ended (exit code 1)");
  other.close();
  await agent.pid();
  assert.equal(agent.child.failure(), null);
});
