/**
 * The pulse of a leader over real sockets: its voters hear it, whatever guards the
 * REST API, and notice when it falls silent, is gone, or was never there.
 */
import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { SystemClock } from "../../lib/adapters/os/clock.ts";
import type { PeersOptions } from "../../lib/adapters/peers/client_options.ts";
import { PulseHttp } from "../../lib/adapters/peers/pulse_listener.ts";
import { revision } from "../../lib/core/base/units.ts";
import { Allowlist } from "../../lib/http/allowlist.ts";
import { createApp } from "../../lib/http/app.ts";
import type { PulseGate } from "../../lib/http/pulse_gate.ts";
import { PulseLines } from "../../lib/http/pulse_lines.ts";
import {
  type RestServer,
  serveRest,
  type ServerLimits,
  type TlsOptions,
} from "../../lib/http/server.ts";
import type { PulseSight, PulseTarget } from "../../lib/ports/pulse.ts";
import { selfSigned } from "../helpers/certificates.ts";
import { LogLines, RestBench } from "../helpers/rest_app.ts";
import { untilIt } from "../helpers/wait.ts";

const HOST = "127.0.0.1";
const CLOCK = new SystemClock();
const WORD = {
  leader: "n1",
  term: revision("100"),
  voters: ["n2", "n3"],
} as const;

interface Options {
  readonly tls: TlsOptions | null;
  readonly password: string | null;
  readonly port: number;
  readonly limits: Partial<ServerLimits>;
}

/** A leader's REST API that lets this host in. */
class Leader implements AsyncDisposable {
  readonly lines = new PulseLines(CLOCK);
  readonly log = new LogLines();
  /** Connections that were let pass. */
  readonly #passed: Duplex[];
  readonly #server: RestServer;

  private constructor(server: RestServer, lines: PulseLines, passed: Duplex[]) {
    this.#server = server;
    this.lines = lines;
    this.#passed = passed;
  }

  get connections(): number {
    return this.#passed.length;
  }

  static async start(options: Partial<Options> = {}): Promise<Leader> {
    const { tls = null, password = null, port = 0, limits = {} } = options;
    const bench = new RestBench();
    const lines = new PulseLines(CLOCK);
    lines.speak(WORD);
    const passed: Duplex[] = [];
    const pulse: PulseGate = {
      isWelcome: (voter) => lines.isWelcome(voter),
      attach: (voter, socket) => {
        passed.push(socket);
        lines.attach(voter, socket);
      },
    };
    const settings = {
      ...bench.settings,
      allowlist: await Allowlist.resolve([HOST], bench.log),
      credentials: password === null ? null : { username: "u", password },
      isClientCertificateWanted: tls !== null,
    };
    const app = createApp(bench.api, {
      settings: () => settings,
      metrics: { samples: () => [] },
      log: bench.log,
      pulse,
    });
    const server = await serveRest(app, {
      listen: { host: HOST, port },
      tls,
      log: bench.log,
      limits: { closeTimeoutMs: 200, ...limits },
    });
    return new Leader(server, lines, passed);
  }

  get port(): number {
    return this.#server.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.lines.speak(null);
    await this.#server.close();
  }
}

/** A voter, and what it hears. */
class Voter implements Disposable {
  readonly log = new LogLines();
  readonly pulse: PulseHttp;

  constructor(options: Partial<PeersOptions> = {}) {
    const all = { credentials: null, tls: null, log: this.log, ...options };
    this.pulse = new PulseHttp({
      clock: CLOCK,
      options: () => all,
      walSign: () => Promise.resolve(null),
    });
  }

  listen(port: number, changes: Partial<PulseTarget> & { tls?: true } = {}) {
    const { tls, ...rest } = changes;
    const scheme = tls ? "https" : "http";
    this.pulse.listenTo({
      self: "n2",
      leader: "n1",
      apiUrl: `${scheme}://${HOST}:${port}/patroni`,
      postgres: null,
      proxy: null,
      ...rest,
    });
  }

  until(
    what: string,
    look: (sight: PulseSight) => boolean,
  ): Promise<PulseSight> {
    return untilIt(what, () => {
      const sight = this.pulse.sight();
      return Promise.resolve(sight !== null && look(sight) ? sight : null);
    }, {
      limitMs: 20_000,
      report: () =>
        Promise.resolve(
          `${Deno.inspect(this.pulse.sight())}\n${this.log.lines.join("\n")}`,
        ),
    });
  }

  hears(): Promise<PulseSight> {
    return this.until("it hears its leader", ({ term }) => term !== null);
  }

  [Symbol.dispose](): void {
    this.pulse.listenTo(null);
  }
}

/** A server that does what the test says with each connection. */
async function rawServer(
  onConnect: (socket: Socket) => void,
  port = 0,
): Promise<{ readonly port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onConnect(socket);
  });
  await new Promise<void>((resolve) => server.listen(port, HOST, resolve));
  const address = server.address();
  return {
    port: typeof address === "object" ? address?.port ?? 0 : 0,
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** A port that refuses, because it was just closed. */
async function closedPort(): Promise<number> {
  await using server = await rawServer(() => {});
  return server.port;
}

Deno.test("a voter hears its leader, answers, and follows its term", async () => {
  await using leader = await Leader.start();
  using voter = new Voter();
  voter.listen(leader.port);
  const first = await voter.hears();
  assert.equal(first.term, "100");
  const heardAt = first.heardAt ?? 0;
  await voter.until("it is heard again", (s) => (s.heardAt ?? 0) > heardAt);
  await untilIt(
    "the leader is answered",
    () => Promise.resolve(leader.lines.answeredAt().has("n2")),
  );
  assert.ok(!leader.lines.answeredAt().has("n3"));
  leader.lines.speak({ ...WORD, term: revision("101") });
  await voter.until("the new term", ({ term }) => term === "101");
});

Deno.test("who is no voter, or listens to nobody who leads, hears nothing", async () => {
  await using leader = await Leader.start();
  using stranger = new Voter();
  stranger.listen(leader.port, { self: "n9" });
  using voter = new Voter();
  voter.listen(leader.port);
  await voter.hears();
  assert.equal(stranger.pulse.sight()?.term, null);
  leader.lines.speak(null);
  // It lives and says nothing: nobody suspects it.
  await voter.until("it is not heard", ({ heardAt }) => heardAt === null);
  assert.equal(leader.lines.answeredAt().size, 0);
  leader.lines.speak({ ...WORD, term: revision("102") });
  await voter.until("it leads again", ({ term }) => term === "102");
});

Deno.test("a pulse of somebody else than was meant counts for nothing", async () => {
  await using leader = await Leader.start();
  using voter = new Voter();
  voter.listen(leader.port, { leader: "n7" });
  await untilIt(
    "the other one is answered",
    () => Promise.resolve(leader.lines.answeredAt().has("n2")),
  );
  assert.equal(voter.pulse.sight()?.heardAt, null);
});

Deno.test("the pulse passes the password, and nobody without it", async () => {
  await using leader = await Leader.start({ password: "secret" });
  using knowing = new Voter({
    credentials: { username: "u", password: "secret" },
  });
  using other = new Voter();
  knowing.listen(leader.port);
  other.listen(leader.port);
  await knowing.hears();
  await untilIt(
    "it is told",
    () => Promise.resolve(other.log.lines.some((line) => line.includes("401"))),
  );
  assert.equal(other.pulse.sight()?.term, null);
});

Deno.test("the pulse passes TLS with client certificates, and nobody without", async () => {
  const own = await selfSigned("n1");
  const forged = await selfSigned("n1");
  const server = { ...own, ca: own.cert, passphrase: null, ciphers: null };
  const tls: TlsOptions = { ...server, verifyClient: "required" };
  await using leader = await Leader.start({ tls });
  const client = (pair: typeof own) =>
    new Voter({ tls: { ...pair, ca: own.cert, passphrase: null } });
  using voter = client(own);
  using forger = client(forged);
  using plain = new Voter();
  voter.listen(leader.port, { tls: true });
  forger.listen(leader.port, { tls: true });
  plain.listen(leader.port);
  const { heardAt } = await voter.hears();
  await voter.until("more", (sight) => sight.heardAt !== heardAt);
  assert.equal(forger.pulse.sight()?.term, null);
  assert.equal(plain.pulse.sight()?.term, null);
});

Deno.test("a leader that was restarted is heard again", async () => {
  const first = await Leader.start();
  const { port } = first;
  using voter = new Voter();
  voter.listen(port);
  const { heardAt } = await voter.hears();
  await first[Symbol.asyncDispose]();
  await voter.until("refused", ({ refused }) => refused.agent);
  await using _second = await Leader.start({ port });
  await voter.until(
    "it is heard",
    (sight) => !sight.refused.agent && (sight.heardAt ?? 0) > (heardAt ?? 0),
  );
});

Deno.test("a voter is told at once that nothing listens any more", async () => {
  const leader = await Leader.start();
  const closed = await closedPort();
  using voter = new Voter();
  voter.listen(leader.port, {
    postgres: { host: HOST, port: closed },
    proxy: { host: HOST, port: closed },
  });
  await voter.hears();
  const ending = new AbortController();
  // An hour of silence is not what it waits for.
  const told = voter.pulse.untilSilent(3_600_000, ending.signal);
  await leader[Symbol.asyncDispose]();
  await told;
  assert.deepEqual(voter.pulse.sight()?.refused, {
    agent: true,
    postgres: true,
    proxy: true,
  });
});

Deno.test("PostgreSQL that answers is a sign, and no loss", async () => {
  const leader = await Leader.start();
  await using postgres = await rawServer((socket) => socket.write("N"));
  using voter = new Voter();
  voter.listen(leader.port, { postgres: { host: HOST, port: postgres.port } });
  await voter.hears();
  await leader[Symbol.asyncDispose]();
  await voter.until(
    "its agent is gone, and PostgreSQL is there",
    ({ refused, postgresAt }) =>
      refused.agent && !refused.postgres && postgresAt !== null,
  );
});

Deno.test("a port that takes connections and says nothing is no sign", async () => {
  const leader = await Leader.start();
  await using postgres = await rawServer(() => {});
  using voter = new Voter();
  voter.listen(leader.port, { postgres: { host: HOST, port: postgres.port } });
  await voter.hears();
  const ending = new AbortController();
  const told = voter.pulse.untilSilent(1_500, ending.signal);
  await leader[Symbol.asyncDispose]();
  await told;
  assert.equal(voter.pulse.sight()?.postgresAt, null);
  assert.equal(voter.pulse.sight()?.refused.postgres, false);
});

Deno.test("an aborted wait for silence ends, and leaves the pulse alone", async () => {
  await using leader = await Leader.start();
  using voter = new Voter();
  voter.listen(leader.port);
  await voter.hears();
  const ending = new AbortController();
  const told = voter.pulse.untilSilent(600, ending.signal);
  ending.abort();
  await told;
  await voter.hears();
});

for (
  const [what, text] of [
    ["nonsense", "x".repeat(9_000)],
    ["an endless head", `HTTP/1.1 101 x\r\nA: ${"y".repeat(9_000)}`],
    ["an upgrade without end", "HTTP/1.1 101 x\r\n\r\n{".padEnd(9_000, "z")],
    ["pulses that name nobody", "HTTP/1.1 101 x\r\n\r\n....."],
  ] as const
) {
  Deno.test(`a voter bears a leader that answers ${what}`, async () => {
    let count = 0;
    await using server = await rawServer((socket) => {
      count++;
      socket.write(text);
    });
    using voter = new Voter();
    voter.listen(server.port);
    await untilIt("it tries again", () => Promise.resolve(count > 1));
    const { term, heardAt } = voter.pulse.sight() ?? {};
    assert.deepEqual({ term, heardAt }, { term: null, heardAt: null });
  });
}

const REQUEST = "GET /pulse?member=n3 HTTP/1.1\r\nHost: x\r\n" +
  "Connection: Upgrade\r\nUpgrade: matriarch-pulse\r\n\r\n";

/** A connection that was upgraded by hand. */
async function upgraded(port: number): Promise<Deno.TcpConn> {
  const connection = await Deno.connect({ hostname: HOST, port });
  await connection.write(new TextEncoder().encode(REQUEST));
  return connection;
}

Deno.test("the time that a request may take is none for a pulse", async () => {
  const own = await selfSigned("n1");
  const pair = { ...own, ca: own.cert, passphrase: null };
  for (const isTls of [false, true]) {
    const tls: TlsOptions | null = isTls
      ? { ...pair, ciphers: null, verifyClient: "required" }
      : null;
    // Longer than a handshake takes, shorter than four pulses do.
    const limits = { headTimeoutMs: 1_000, requestTimeoutMs: 1_000 };
    await using leader = await Leader.start({ tls, limits });
    using voter = new Voter({ tls: isTls ? pair : null });
    voter.listen(leader.port, isTls ? { tls: true } : {});
    const { heardAt } = await voter.hears();
    await voter.until(
      "it hears on",
      (sight) => (sight.heardAt ?? 0) > (heardAt ?? Infinity) + 1_900,
    );
    assert.equal(leader.connections, 1, "no other one was needed");
  }
});

Deno.test("who waits for a pulse is told with it, or when his signal aborts", async () => {
  await using leader = await Leader.start();
  const ending = new AbortController();
  // Nobody listens: it comes all the same.
  await leader.lines.untilPulse(ending.signal);
  leader.lines.speak(null);
  await leader.lines.untilPulse(ending.signal);
  const told = leader.lines.untilPulse(ending.signal);
  ending.abort();
  await told;
  await leader.lines.untilPulse(ending.signal);
});

/** Reads until the other side ends it. */
async function untilClosed(connection: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(1_024);
  try {
    while (await connection.read(buffer) !== null);
  } catch {
    // Reset is closed, too.
  }
  connection.close();
}

Deno.test("a leader ends who says what was not asked", async () => {
  await using leader = await Leader.start();
  const answerer = await upgraded(leader.port);
  await answerer.write(new TextEncoder().encode("!!!!!!!!!"));
  await untilClosed(answerer);
  const talker = await upgraded(leader.port);
  await talker.write(new TextEncoder().encode("hello"));
  await untilClosed(talker);
});

Deno.test("a leader ends the oldest of too many connections of one voter", async () => {
  await using leader = await Leader.start();
  using voter = new Voter();
  voter.listen(leader.port);
  await voter.hears();
  const first = await upgraded(leader.port);
  const more = [];
  for (let n = 0; n < 12; n++) more.push(await upgraded(leader.port));
  await untilClosed(first);
  for (const connection of more) connection.close();
  const { heardAt } = await voter.hears();
  await voter.until("the other voter hears", (s) => s.heardAt !== heardAt);
});

Deno.test("/pulse without an upgrade says what it wants", async () => {
  await using leader = await Leader.start();
  const answer = await fetch(`http://${HOST}:${leader.port}/pulse?member=n2`);
  await answer.body?.cancel();
  assert.equal(answer.status, 426);
  assert.equal(answer.headers.get("upgrade"), "matriarch-pulse");
});
