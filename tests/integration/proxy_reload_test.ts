/**
 * A stand-alone proxy at SIGHUP and SIGUSR2: what its file says is in force as a
 * whole or not at all, another process takes its place, and no session ends.
 */
import assert from "node:assert/strict";
import { issued } from "../helpers/certificates.ts";
import { freePort } from "../helpers/free_ports.ts";
import { receiverAt } from "../helpers/notify_socket.ts";
import { isAlive, pidsWith } from "../helpers/own_processes.ts";
import {
  echoBackend,
  startupPacket,
  TestClient,
  until,
} from "../helpers/tcp.ts";
import { Visitors } from "../helpers/visitors.ts";
import { untilIt } from "../helpers/wait.ts";
import { isOpen, ProxyHost } from "./proxy_host.ts";

/** A client whom a backend has greeted. */
async function session(port: number): Promise<TestClient> {
  const client = await TestClient.connect(port);
  await client.untilText("one\n");
  return client;
}

/** Its session goes on. */
async function echoes(client: TestClient, text: string): Promise<void> {
  await client.send(text);
  await client.untilText(text);
}

/** A proxy with a leader behind it. */
async function serving(host: ProxyHost, backend: { readonly port: number }) {
  await host.keys.primary("n1", backend.port);
  await host.keys.lead("n1");
}

for (const plane of ["workers", "portable"] as const) {
  Deno.test(`a reload changes all that the file says, and cuts nobody (${plane})`, async () => {
    await using backend = echoBackend("one");
    await using host = new ProxyHost();
    await serving(host, backend);
    const [added, moved] = [freePort(), freePort()];
    const sessions = `${host.folder}/sessions.log`;
    host.configure({ data_plane: plane });
    const child = await host.start();
    await using first = await session(host.port);

    host.configure({
      data_plane: plane,
      ports: [{ port: added, to: "leader", name: "more" }],
      stats_port: moved,
      stats_username: "ops",
      stats_password: "secret",
      max_connections: 2,
      session_log: sessions,
    }, { log: { level: "DEBUG" } });
    child.kill("SIGHUP");
    await host.untilSaid(/The configuration is reloaded/);
    await echoes(first, "still here");
    await using _second = await session(added);
    await until("the statistics have moved", () => isOpen(moved));
    assert.equal(await isOpen(host.statsPort), false);
    const url = `http://127.0.0.1:${moved}/stats`;
    const refused = await fetch(url);
    await refused.body?.cancel();
    assert.equal(refused.status, 401);
    const authorization = `Basic ${btoa("ops:secret")}`;
    const answer = await fetch(url, { headers: { authorization } });
    assert.equal((await answer.json()).predecessor.sessions, 1);
    await using _third = await session(host.port);
    await using fourth = await TestClient.connect(host.port);
    await fourth.untilEnd();
    await _second[Symbol.asyncDispose]();
    await until("the session is logged", async () => {
      const text = await Deno.readTextFile(sessions).catch(() => "");
      return / session port=more .* backend=n1 .* end=/.test(text);
    });

    host.configure({ data_plane: plane });
    const from = host.log.length;
    child.kill("SIGHUP");
    await host.untilSaid(/The configuration is reloaded/, from);
    await until("the port is closed", async () => !await isOpen(added));
    await echoes(first, "and here");
    await using _fifth = await session(host.port);
    assert.equal(pidsWith(host.config).length, 1);
  });
}

Deno.test("a reload refuses no client", async () => {
  await using backend = echoBackend("one");
  await using host = new ProxyHost();
  await serving(host, backend);
  const child = await host.start();
  const visitors = new Visitors(() => TestClient.connect(host.port), 4);
  for (const limit of [500, 501, 502]) {
    await visitors.more(80);
    host.configure({ max_connections: limit });
    const from = host.log.length;
    child.kill("SIGHUP");
    await host.untilSaid(/The configuration is reloaded/, from);
  }
  await visitors.more(80);
  await visitors.end();
});

Deno.test("a reload that cannot be done leaves everything as it was", async () => {
  await using backend = echoBackend("one");
  await using other = echoBackend("other");
  await using host = new ProxyHost();
  await serving(host, backend);
  const child = await host.start();
  await using first = await session(host.port);
  const kept =
    /ERROR: The configuration is not reloaded, the one before stays in force: (.*)\n/;
  const free = freePort();
  const port = (number: number) => ({ port: number, to: "any" });
  const wrong: readonly (readonly [() => void, RegExp])[] = [
    [() => Deno.writeTextFileSync(host.config, "scope: ["), /proxy\.yml/],
    [
      () => host.configure({ max_connections: "many", workers: -1 }),
      /proxy\.max_connections.*; .*proxy\.workers/,
    ],
    [
      () => host.configure({ ports: [port(free), port(other.port)] }),
      new RegExp(`127.0.0.1:${other.port} .*another program uses the port`),
    ],
    [
      () => host.configure({ stats_port: other.port }),
      new RegExp(`:${other.port} \\(proxy.stats_port\\): another program`),
    ],
    [
      () => host.configure({ stats_certfile: "/nowhere.pem" }),
      /proxy\.stats_certfile cannot be read/,
    ],
    [
      () => host.configure({}, { log: { dir: "/proc/nowhere" } }),
      /log\.dir: the file .* cannot be written/,
    ],
    [
      () => host.configure({}, { vip: { address: "10.0.0.9" } }),
      /vip.*interface/,
    ],
  ];
  for (const [spoil, why] of wrong) {
    spoil();
    const from = host.log.length;
    child.kill("SIGHUP");
    await host.untilSaid(kept, from);
    const [, reason = ""] = kept.exec(host.log.slice(from)) ?? [];
    assert.match(reason, why);
    await echoes(first, reason);
    await using _next = await session(host.port);
    assert.equal(await isOpen(free), false);
  }
  host.configure();
  const from = host.log.length;
  child.kill("SIGHUP");
  await host.untilSaid(/as it was: nothing is reloaded/, from);
  assert.equal((await host.stats()).predecessor, null);
});

Deno.test("a renewed certificate of the statistics is a change", async () => {
  await using backend = echoBackend("one");
  await using host = new ProxyHost();
  await serving(host, backend);
  const [cert, key] = [`${host.folder}/cert.pem`, `${host.folder}/key.pem`];
  const renew = async (name: string): Promise<string> => {
    const files = await issued(host.folder, name);
    await Deno.copyFile(files.cert, cert);
    await Deno.copyFile(files.key, key);
    return await Deno.readTextFile(files.ca);
  };
  const isTrusted = async (ca: string): Promise<boolean> => {
    using client = Deno.createHttpClient({ caCerts: [ca] });
    const url = `https://127.0.0.1:${host.statsPort}/stats`;
    try {
      return (await (await fetch(url, { client })).json()).state === "running";
    } catch {
      return false;
    }
  };
  const before = await renew("before");
  host.configure({ stats_certfile: cert, stats_keyfile: key });
  const child = await host.start();
  await until("the first one is shown", () => isTrusted(before));
  const after = await renew("after");
  child.kill("SIGHUP");
  await until("the second one is", () => isTrusted(after), () => host.log);
  assert.equal(await isTrusted(before), false);
});

Deno.test("another process takes over; who started the first one ends both", async () => {
  await using backend = echoBackend("one");
  await using host = new ProxyHost();
  await serving(host, backend);
  const child = await host.start();
  await using first = await session(host.port);
  const visitor = new Visitors(() => TestClient.connect(host.port), 1);
  await visitor.more(20);
  child.kill("SIGUSR2");
  await host.untilSaid(/Took over from the proxy of process/);
  await visitor.more(20);
  await visitor.end();
  await echoes(first, "still here");
  const { pid } = await host.stats();
  assert.notEqual(pid, child.pid);
  await until("the statistics tell of both", async () => {
    const { predecessor } = await host.stats();
    return predecessor.pid === child.pid && predecessor.sessions === 1;
  }, () => host.stats());
  await using second = await session(host.port);

  // Signals reach the new one.
  const added = freePort();
  host.configure({ ports: [{ port: added, to: "any" }] });
  child.kill("SIGHUP");
  await until("the new process has reloaded", () => isOpen(added));
  await echoes(first, "and here");
  child.kill("SIGTERM");
  await first.untilEnd();
  await second.untilEnd();
  await until("nothing is left", () => !isAlive(pid) && !isAlive(child.pid));
  assert.equal((await child.status).code, 0);
});

Deno.test("under a service manager the new process is the service", async () => {
  await using backend = echoBackend("one");
  await using host = new ProxyHost();
  await serving(host, backend);
  const socket = `${host.folder}/notify`;
  const receiver = receiverAt(socket);
  const heard: string[] = [];
  const hears = (what: RegExp) =>
    until(`the manager hears ${what}`, () => {
      const next = receiver.next();
      if (next !== null) heard.push(next);
      return heard.some((text) => what.test(text));
    }, () => [heard, host.log]);
  try {
    const child = await host.start({ NOTIFY_SOCKET: socket });
    await hears(/^READY=1$/);
    const first = await session(host.port);
    child.kill("SIGUSR2");
    await hears(/^MAINPID=\d+$/);
    await host.untilSaid(/Took over from the proxy of process/);
    const { pid } = await host.stats();
    assert.ok(heard.includes(`MAINPID=${pid}`), `${pid} ${heard}`);
    await echoes(first, "still here");
    await first[Symbol.asyncDispose]();
    await until("the old one ends", () => !isAlive(child.pid));
    assert.equal((await child.status).code, 0);
    await using _next = await session(host.port);
    assert.ok(isAlive(pid));
  } finally {
    receiver.close();
  }
});

Deno.test("a process that cannot take over leaves the running one as it is", async () => {
  await using backend = echoBackend("one");
  await using host = new ProxyHost();
  await serving(host, backend);
  const child = await host.start();
  await using first = await session(host.port);
  host.configure({ workers: -1 });
  child.kill("SIGUSR2");
  await host.untilSaid(/did not take over \(exit code 1\): this one goes on/);
  await echoes(first, "still here");
  await using _next = await session(host.port);

  host.configure();
  const { code, stderr } = await host.spawn().output();
  assert.equal(code, 1);
  assert.match(
    new TextDecoder().decode(stderr),
    /Another proxy already runs with this configuration/,
  );
  child.kill("SIGUSR2");
  await host.untilSaid(/Took over from the proxy of process/);
  await echoes(first, "and here");
});

for (const plane of ["workers", "portable"] as const) {
  Deno.test(`unix sockets go on through reloads, come and go with them (${plane})`, async () => {
    await using backend = echoBackend("one");
    await using host = new ProxyHost();
    await serving(host, backend);
    const path = `${host.folder}/.s.PGSQL.${host.port}`;
    const greeting = async (): Promise<string> => {
      using conn = await Deno.connect({ transport: "unix", path });
      await conn.write(startupPacket());
      const bytes = new Uint8Array(16);
      const length = await conn.read(bytes) ?? 0;
      return new TextDecoder().decode(bytes.subarray(0, length));
    };
    const sockets = { data_plane: plane, unix_socket_directory: host.folder };
    host.configure({ data_plane: plane });
    const child = await host.start();
    const reload = async (proxy: Readonly<Record<string, unknown>>) => {
      host.configure(proxy);
      const from = host.log.length;
      child.kill("SIGHUP");
      await host.untilSaid(/The configuration is reloaded/, from);
    };
    await reload(sockets);
    assert.equal(await greeting(), "one\n");
    await reload({ ...sockets, max_connections: 77 });
    await until("the replaced one is gone", async () => {
      return (await host.stats()).predecessor === null;
    });
    assert.equal(await greeting(), "one\n");
    await reload({ data_plane: plane });
    await until("the socket is gone", async () => {
      return await greeting().then(() => false, () => true);
    });
  });
}

Deno.test("a reload to a store that does not answer leaves everything as it was", async () => {
  await using backend = echoBackend("one");
  await using host = new ProxyHost();
  await serving(host, backend);
  const child = await host.start();
  await using first = await session(host.port);
  const proxy = { agents: [`http://127.0.0.1:${freePort()}`] };
  host.configure(proxy, { sqlite: undefined });
  child.kill("SIGHUP");
  await untilIt(
    "it says so",
    () => Promise.resolve(/in force: Cannot take over: the DCS/.test(host.log)),
    { limitMs: 30_000 },
  );
  await echoes(first, "still here");
  await using _next = await session(host.port);
});

for (const plane of ["workers", "portable"] as const) {
  Deno.test(`a reload with unix sockets that cannot be had changes nothing (${plane})`, async () => {
    await using backend = echoBackend("one");
    await using host = new ProxyHost();
    await serving(host, backend);
    host.configure({ data_plane: plane });
    const child = await host.start();
    await using first = await session(host.port);
    const folder = `${host.folder}/sockets`;
    await Deno.mkdir(folder);
    const path = `${folder}/.s.PGSQL.${host.port}`;
    using other = Deno.listen({ transport: "unix", path });
    for (const directory of [`${host.folder}/none`, folder]) {
      host.configure({ data_plane: plane, unix_socket_directory: directory });
      const from = host.log.length;
      child.kill("SIGHUP");
      await host.untilSaid(
        /The configuration is not reloaded, the one before stays in force: .*Cannot listen on \/.*unix_socket_directory/,
        from,
      );
      await echoes(first, "still here");
      await using _second = await session(host.port);
    }
    const accepting = other.accept();
    using _client = await Deno.connect({ transport: "unix", path });
    (await accepting).close();
    // The sockets of a predecessor are no stranger's.
    const unix_socket_directory = `${host.folder}/own`;
    await Deno.mkdir(unix_socket_directory);
    for (const max_connections of [100, 101]) {
      const from = host.log.length;
      host.configure({
        data_plane: plane,
        unix_socket_directory,
        max_connections,
      });
      child.kill("SIGHUP");
      await host.untilSaid(/The configuration is reloaded/, from);
      await using local = await TestClient.local(
        `${unix_socket_directory}/.s.PGSQL.${host.port}`,
      );
      await local.untilText("one\n");
    }
    await echoes(first, "to the end");
  });
}

for (const plane of ["workers", "portable"] as const) {
  Deno.test(`a reload with an address of another host changes nothing (${plane})`, async () => {
    await using backend = echoBackend("one");
    await using host = new ProxyHost();
    await serving(host, backend);
    host.configure({ data_plane: plane });
    const child = await host.start();
    await using first = await session(host.port);
    host.configure({ data_plane: plane, listen: "127.0.0.1,192.0.2.1" });
    child.kill("SIGHUP");
    await host.untilSaid(
      /The configuration is not reloaded, .*192\.0\.2\.1/,
    );
    await echoes(first, "still here");
    await using _second = await session(host.port);
  });
}
