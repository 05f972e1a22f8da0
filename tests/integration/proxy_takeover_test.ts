/**
 * A proxy of another edition takes over from the running one: no client is
 * refused, no session ends, the fence and the statistics move along, and what
 * goes wrong leaves the running one in charge.
 */
import assert from "node:assert/strict";
import { ProxyLink } from "../../lib/adapters/proxy_process/link.ts";
import { ProxyChild } from "../../lib/adapters/proxy_process/proxy_child.ts";
import type { ProxyCommand } from "../../lib/adapters/proxy_process/proxy_starter.ts";
import type { ProxyState } from "../../lib/ports/proxy_process.ts";
import {
  echoBackend,
  KeptLog,
  RealClock,
  TestClient,
  until,
} from "../helpers/tcp.ts";
import { Visitors } from "../helpers/visitors.ts";
import { freePort } from "../helpers/free_ports.ts";

const PROGRAM = new URL("./proxy_program.ts", import.meta.url).pathname;

/** A replaced proxy's handle stays with the process that started it. */
const REPLACED = { sanitizeOps: false, sanitizeResources: false };

type FrontName = "workers" | "portable";

/** An agent's supervision over proxies whose backends tell them apart. */
class Upgrade implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "matriarch-proxy-" });
  readonly socket = `${this.folder}/proxy.sock`;
  readonly port = freePort();
  /** For clients. */
  readonly clientSocket = `${this.folder}/.s.PGSQL.${this.port}`;
  readonly statsPort = freePort();
  readonly log = new KeptLog();
  readonly child: ProxyChild;
  readonly #front: FrontName;
  readonly #pids = new Set<number>();
  readonly #ending = new AbortController();
  readonly #running: Promise<void>;

  constructor(front: FrontName, backendPort: number) {
    this.#front = front;
    const clock = new RealClock();
    const parts = { clock, log: this.log, controlPath: this.socket };
    const start = this.command("one", backendPort);
    this.child = new ProxyChild(parts, { start, drain: null });
    this.child.heartbeat({ role: "primary", leaseDeadlineMs: null });
    this.#running = this.child.run(this.#ending.signal);
  }

  command(edition: string, backendPort: number): ProxyCommand {
    return {
      command: Deno.execPath(),
      args: [
        ...["run", "--allow-all", "--quiet", "--no-check", PROGRAM],
        ...[this.socket, `${this.port}`, `${backendPort}`],
        ...[edition, this.#front, `${this.statsPort}`, this.folder],
      ],
      env: {},
      input: null,
      edition,
    };
  }

  /** Asks for another edition, in front of another backend. */
  to(edition: string, backendPort: number): void {
    const start = this.command(edition, backendPort);
    this.child.reorder({ start, drain: null });
  }

  /** A client whom that backend has greeted. */
  async client(backend: string): Promise<TestClient> {
    const client = await TestClient.connect(this.port);
    await client.untilText(`${backend}\n`);
    return client;
  }

  /** The state of the proxy of that edition, once it is in charge. */
  async running(edition: string): Promise<ProxyState> {
    let found: ProxyState | null = null;
    await until(`edition ${edition} is in charge`, () => {
      this.child.heartbeat({ role: "primary", leaseDeadlineMs: null });
      const state = this.child.state();
      found = state?.edition === edition ? state : null;
      if (state !== null) this.#pids.add(state.pid);
      return found !== null;
    }, () => [this.child.state(), ...this.log.lines]);
    return found ?? assert.fail();
  }

  async stats() {
    const url = `http://127.0.0.1:${this.statsPort}/stats`;
    return await (await fetch(url)).json();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#running;
    await this.child.stop();
    await until("replaced proxies end with the last one", () => {
      return ![...this.#pids].some(isRunning);
    }, () => this.log.lines);
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Its session goes on. */
async function echoes(client: TestClient, text: string): Promise<void> {
  await client.send(text);
  await client.untilText(text);
}

function isRunning(pid: number): boolean {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return !/^\d+ \(.*\) Z/.test(status);
  } catch {
    return false;
  }
}

Deno.test(
  "an upgrade refuses no client and ends no session",
  REPLACED,
  async () => {
    await using one = echoBackend("one");
    await using two = echoBackend("two");
    await using upgrade = new Upgrade("workers", one.port);
    const old = await upgrade.running("one");
    const session = await upgrade.client("one");
    const visitors = new Visitors(() => TestClient.connect(upgrade.port), 8);
    await until("they are served", () => visitors.greetings.length > 100);
    upgrade.to("two", two.port);
    const now = await upgrade.running("two");
    assert.notEqual(now.pid, old.pid);
    await until(
      "the new one serves them",
      () => visitors.greetings.slice(-50).every((name) => name === "two"),
      () => visitors.greetings.slice(-10),
    );
    await visitors.end();
    assert.ok(visitors.greetings.includes("one"));

    await echoes(session, "still here");
    await until("the statistics tell of it", async () => {
      const { pid, predecessor } = await upgrade.stats();
      return pid === now.pid && predecessor?.pid === old.pid &&
        predecessor.sessions === 1 && predecessor.version === "one";
    }, () => upgrade.stats());
    await session[Symbol.asyncDispose]();
    await until("the old one ends", () => !isRunning(old.pid));
    await until("the statistics forget it", async () => {
      return (await upgrade.stats()).predecessor === null;
    }, () => upgrade.stats());
    assert.equal(
      upgrade.log.lines.filter((line) => /^(?:WARNING|ERROR)/.test(line))
        .length,
      0,
      upgrade.log.lines.join("\n"),
    );
  },
);

Deno.test(
  "an upgrade refuses no client of a unix socket",
  REPLACED,
  async () => {
    await using one = echoBackend("one");
    await using two = echoBackend("two");
    await using upgrade = new Upgrade("workers", one.port);
    await upgrade.running("one");
    const knock = () => TestClient.local(upgrade.clientSocket);
    await using session = await knock();
    await session.untilText("one\n");
    const visitors = new Visitors(knock, 4);
    await until("they are served", () => visitors.greetings.length > 50);
    // Twice: the second one inherits what the first one has inherited.
    for (const [edition, backend] of [["two", two], ["three", one]] as const) {
      upgrade.to(edition, backend.port);
      await upgrade.running(edition);
      const name = edition === "two" ? "two" : "one";
      await until(
        `${edition} serves them`,
        () => visitors.greetings.slice(-20).every((said) => said === name),
        () => visitors.greetings.slice(-20),
      );
    }
    await visitors.end();
    await echoes(session, "still here");
  },
);

Deno.test(
  "a portable proxy is replaced, too, and keeps its sessions",
  REPLACED,
  async () => {
    await using one = echoBackend("one");
    await using two = echoBackend("two");
    await using upgrade = new Upgrade("portable", one.port);
    await upgrade.running("one");
    await using session = await upgrade.client("one");
    upgrade.to("two", two.port);
    await upgrade.running("two");
    await using _next = await upgrade.client("two");
    await using local = await TestClient.local(upgrade.clientSocket);
    await local.untilText("two\n");
    await echoes(session, "still here");
  },
);

Deno.test(
  "the agent's word reaches the sessions of a replaced proxy",
  REPLACED,
  async () => {
    await using one = echoBackend("one");
    await using two = echoBackend("two");
    await using upgrade = new Upgrade("workers", one.port);
    await upgrade.running("one");
    await using session = await upgrade.client("one");
    upgrade.to("two", two.port);
    await upgrade.running("two");
    await using next = await upgrade.client("two");
    assert.equal(session.isEnded, false);
    upgrade.child.heartbeat({ role: "demoted", leaseDeadlineMs: null });
    await session.untilEnd();
    await next.untilEnd();
  },
);

Deno.test(
  "the agent's word reaches the oldest of three proxies",
  REPLACED,
  async () => {
    await using one = echoBackend("one");
    await using upgrade = new Upgrade("workers", one.port);
    await upgrade.running("one");
    await using session = await upgrade.client("one");
    // The one between has no sessions of its own.
    for (const edition of ["two", "three"]) {
      upgrade.to(edition, one.port);
      await upgrade.running(edition);
    }
    await echoes(session, "still here");
    upgrade.child.heartbeat({ role: "demoted", leaseDeadlineMs: null });
    await session.untilEnd();
  },
);

Deno.test(
  "sessions survive two upgrades, and the loss of the proxy between",
  REPLACED,
  async () => {
    await using one = echoBackend("one");
    await using two = echoBackend("two");
    await using upgrade = new Upgrade("workers", one.port);
    await upgrade.running("one");
    await using first = await upgrade.client("one");
    upgrade.to("two", two.port);
    const middle = await upgrade.running("two");
    await using second = await upgrade.client("two");
    upgrade.to("three", one.port);
    await upgrade.running("three");
    for (const client of [first, second]) {
      await echoes(client, "still here");
    }
    Deno.kill(middle.pid, "SIGKILL");
    await second.untilEnd();
    await echoes(first, "nobody in between");
  },
);

Deno.test(
  "a proxy that finds no DCS leaves the running one in charge",
  REPLACED,
  async () => {
    await using one = echoBackend("one");
    await using upgrade = new Upgrade("workers", one.port);
    const old = await upgrade.running("one");
    await using session = await upgrade.client("one");
    const { code, stderr } = await run(upgrade.command("two", 0));
    assert.equal(code, 1);
    assert.match(stderr, /the DCS does not answer, the running proxy stays/);
    await using _next = await upgrade.client("one");
    assert.equal((await upgrade.running("one")).pid, old.pid);
    await echoes(session, "still here");
  },
);

Deno.test(
  "a proxy does not take over while the running one holds clients for a stop",
  REPLACED,
  async () => {
    await using one = echoBackend("one");
    await using two = echoBackend("two");
    await using upgrade = new Upgrade("workers", one.port);
    await upgrade.running("one");
    const link = await ProxyLink.open(upgrade.socket, () => {});
    assert.ok(link !== null);
    link.send({ type: "drain", ms: 60_000 });
    await link.settled();
    const { code, stderr } = await run(upgrade.command("two", two.port));
    assert.equal(code, 1);
    assert.match(stderr, /Cannot take over: a planned stop is under way/);
    link.close();
    await link.ended;
  },
);

async function run({ command, args }: ProxyCommand) {
  const output = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  return {
    code: output.code,
    stderr: new TextDecoder().decode(output.stderr),
  };
}
