/**
 * Members asking each other over real sockets: our client against our server,
 * and against peers that hang, talk nonsense or are not there.
 */
import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import type { PeersOptions } from "../../lib/adapters/peers/client_options.ts";
import { PeersHttp } from "../../lib/adapters/peers/peers_http.ts";
import {
  type RestServer,
  serveRest,
  type TlsOptions,
} from "../../lib/http/server.ts";
import { selfSigned } from "../helpers/certificates.ts";
import { LogLines, RestBench } from "../helpers/rest_app.ts";
import { followingStatus, registered } from "../helpers/stub_agent_api.ts";
import { lsn } from "../../lib/core/base/units.ts";
import { DEFAULT_SETTINGS } from "../../lib/core/model/settings.ts";

const HOST = "127.0.0.1";

async function served(
  bench: RestBench,
  tls: TlsOptions | null = null,
): Promise<RestServer> {
  return await serveRest(bench.app, {
    listen: { host: HOST, port: 0 },
    tls,
    log: bench.log,
    limits: { closeTimeoutMs: 500 },
  });
}

function peers(changes: Partial<PeersOptions> = {}): PeersHttp {
  const log = new LogLines();
  return new PeersHttp(() => ({
    credentials: null,
    tls: null,
    log,
    ...changes,
  }));
}

/** A TCP server that does with a connection what the test says. */
async function rawServer(
  onConnect: (socket: Socket) => void,
): Promise<{ readonly port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onConnect(socket);
  });
  const listening = Promise.withResolvers<void>();
  server.listen(0, HOST, () => listening.resolve());
  await listening.promise;
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      for (const socket of sockets) socket.destroy();
      await closed.promise;
    },
  };
}

Deno.test("peers: our server's status document comes back as an answer", async () => {
  const bench = new RestBench();
  await using server = await served(bench);
  const apiUrl = `http://${HOST}:${server.port}/patroni`;
  const answers = await peers().ask([registered("n1", { apiUrl })]);
  assert.deepEqual(answers, [{
    kind: "answered",
    name: "n1",
    isInRecovery: false,
    position: 83_886_176n,
    timeline: 3,
    isNofailover: false,
    failoverPriority: 1,
    hasWatchdogFailed: false,
    endedReceivers: [],
  }]);
});

Deno.test("peers: who hangs, is gone or talks nonsense is silent, all at once", async () => {
  await using mute = await rawServer(() => {});
  await using rude = await rawServer((socket) => socket.destroy());
  await using babble = await rawServer((socket) => {
    socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  });
  await using drip = await rawServer((socket) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{");
  });
  await using flood = await rawServer((socket) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n");
    socket.write("x".repeat(2_000_000));
  });
  const gone = await rawServer(() => {});
  await gone[Symbol.asyncDispose]();
  const urls = [mute, rude, babble, drip, flood, gone]
    .map(({ port }) => `http://${HOST}:${port}/patroni`);
  const log = new LogLines();
  const answers = await peers({ log, askTimeoutMs: 300 }).ask([
    ...urls.map((apiUrl, index) => registered(`n${index}`, { apiUrl })),
    registered("n7", { apiUrl: null }),
    registered("n8", { apiUrl: "no url" }),
  ]);
  assert.equal(answers.length, 8);
  for (const answer of answers) {
    assert.equal(answer.kind, "silent", answer.name);
  }
  assert.match(
    log.lines.join("\n"),
    /WARNING Request failed to n0: GET http:\/\/127.0.0.1:\d+\/patroni \(no answer within 300 ms\)/,
  );
});

Deno.test("peers: error statuses still count as documents", async () => {
  await using ill = await rawServer((socket) => {
    const body = '{"xlog": {"location": 5}}';
    socket.end(
      `HTTP/1.0 503 Service Unavailable\r\n\r\n${body}`,
    );
  });
  const apiUrl = `http://${HOST}:${ill.port}/patroni`;
  const [answer] = await peers().ask([registered("n2", { apiUrl })]);
  assert.equal(answer?.kind === "answered" && answer.position, 5n);
});

Deno.test("peers: isAlive() takes any HTTP answer", async () => {
  const bench = new RestBench();
  bench.api.current = {
    ...bench.api.current,
    nextCycleAt: bench.api.current.now,
  };
  const server = await served(bench);
  const apiUrl = `http://${HOST}:${server.port}/patroni`;
  assert.equal(await peers().isAlive(apiUrl), true);
  await server.close();
  assert.equal(await peers().isAlive(apiUrl), false);
  assert.equal(await peers().isAlive("no url"), false);
  await using mute = await rawServer(() => {});
  const hanging = peers({ aliveTimeoutMs: 100 });
  assert.equal(await hanging.isAlive(`http://${HOST}:${mute.port}/x`), false);
});

Deno.test("peers: passwords are sent, certificates of members are not checked", async () => {
  const pair = await selfSigned("n1");
  const bench = new RestBench();
  await using server = await served(bench, {
    ...pair,
    passphrase: null,
    ca: null,
    ciphers: null,
    verifyClient: "none",
  });
  const seen: (string | null)[] = [];
  const { fetch } = bench.app;
  bench.app.fetch = (request, ...rest) => {
    seen.push(request.headers.get("authorization"));
    return fetch(request, ...rest);
  };
  const apiUrl = `https://${HOST}:${server.port}/patroni`;
  const credentials = { username: "user", password: "pass" };
  const asking = peers({ credentials });
  const [answer] = await asking.ask([registered("n1", { apiUrl })]);
  assert.equal(answer?.kind, "answered");
  // A look needs no password, so nobody gets it.
  assert.deepEqual(seen, [null]);
  const ping = {
    name: "n0",
    connUrl: "postgres://h/",
    apiUrl,
    slots: {},
    ttlMs: null,
  };
  await asking.askFailsafe([{ name: "n1", apiUrl }], {
    ping,
    timeoutMs: 5_000,
  });
  assert.equal(seen[1], `Basic ${btoa("user:pass")}`);
});

Deno.test("peers: with a client certificate the chain is checked, names are not", async () => {
  const pair = await selfSigned("not-the-host");
  const bench = new RestBench();
  await using server = await served(bench, {
    ...pair,
    passphrase: null,
    ca: pair.cert,
    ciphers: null,
    verifyClient: "required",
  });
  const apiUrl = `https://localhost:${server.port}/patroni`;
  const member = registered("n1", { apiUrl });
  const tls = { ...pair, ca: pair.cert, passphrase: null };
  const [answer] = await peers({ tls }).ask([member]);
  assert.equal(answer?.kind, "answered");
  const joined = { ...tls, cert: pair.cert + pair.key, key: null };
  const [same] = await peers({ tls: joined }).ask([member]);
  assert.equal(same?.kind, "answered");
  const [without] = await peers().ask([member]);
  assert.equal(without?.kind, "silent");
  const stranger = await selfSigned("stranger");
  const [wrong] = await peers({ tls: { ...tls, ca: stranger.cert } })
    .ask([member]);
  assert.equal(wrong?.kind, "silent");
});

Deno.test("peers: only the exact word consents to failsafe mode", async () => {
  const bench = new RestBench();
  const settings = { ...DEFAULT_SETTINGS, isFailsafeMode: true };
  bench.api.current = followingStatus({ settings });
  // Without a password a member is known by its address.
  bench.api.failsafeMap = { n1: `http://${HOST}:8008/patroni` };
  await using server = await served(bench);
  await using liar = await rawServer((socket) => {
    socket.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nAccepted!");
  });
  await using mute = await rawServer(() => {});
  const url = (port: number): string => `http://${HOST}:${port}/patroni`;
  const answers = await peers().askFailsafe([
    { name: "n2", apiUrl: url(server.port) },
    { name: "n3", apiUrl: url(liar.port) },
    { name: "n4", apiUrl: url(mute.port) },
    { name: "n5", apiUrl: "nonsense" },
  ], {
    ping: {
      name: "n1",
      connUrl: "postgres://10.0.0.1:5432/postgres",
      apiUrl: "http://10.0.0.1:8008/patroni",
      slots: { n2: lsn(9) },
      ttlMs: 30_000,
    },
    timeoutMs: 200,
  });
  assert.deepEqual(
    answers.map(({ name, isAccepted, position }) => [
      name,
      isAccepted,
      position,
    ]),
    [
      ["n2", true, 7n],
      ["n3", false, null],
      ["n4", false, null],
      ["n5", false, null],
    ],
  );
  assert.match(answers[2]?.detail ?? "", /no answer within 200 ms/);
});
