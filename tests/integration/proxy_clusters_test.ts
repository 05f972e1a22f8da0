/** One stand-alone proxy for several clusters: what happens to one is no other one's matter. */
import assert from "node:assert/strict";
import { DcsSqlite } from "../../lib/adapters/sqlite/dcs_sqlite.ts";
import { SystemClock } from "../../lib/adapters/os/clock.ts";
import { lookAtProxies } from "../../lib/adapters/peers/proxy_looks.ts";
import { freePort } from "../helpers/free_ports.ts";
import { isAlive } from "../helpers/own_processes.ts";
import { echoBackend, TestClient, until } from "../helpers/tcp.ts";
import { untilIt } from "../helpers/wait.ts";
import { isOpen, ProxyHost } from "./proxy_host.ts";
import { KeyWriter } from "./proxy_rig.ts";

/** A cluster with a leader, in the host's store. */
class TestCluster implements AsyncDisposable {
  readonly port: number;
  readonly replicaPort = freePort();
  readonly backend;
  readonly #dcs: DcsSqlite;
  #settings: Readonly<Record<string, unknown>> = {};

  constructor(host: ProxyHost, readonly scope: string, port = freePort()) {
    this.port = port;
    this.backend = echoBackend(scope);
    this.#dcs = new DcsSqlite({
      path: `${host.folder}/dcs.db`,
      scopePath: `/service/${scope}`,
      clock: new SystemClock(),
    });
  }

  async lead(): Promise<void> {
    const keys = new KeyWriter(this.#dcs);
    await keys.primary("n1", this.backend.port);
    await keys.lead("n1");
  }

  set(settings: Readonly<Record<string, unknown>>): void {
    this.#settings = settings;
  }

  get entry() {
    const { port: primary_port, replicaPort: replica_port, scope } = this;
    return { scope, proxy: { primary_port, replica_port, ...this.#settings } };
  }

  async session(port = this.port): Promise<TestClient> {
    // A proxy is ready when the first of its clusters is served.
    const client = await untilIt(
      `port ${port} is open`,
      () => TestClient.connect(port).catch(() => null),
    );
    await client.untilText(`${this.scope}\n`);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.backend[Symbol.asyncDispose]();
    await this.#dcs.close();
  }
}

function write(
  host: ProxyHost,
  clusters: readonly TestCluster[],
  proxy: Readonly<Record<string, unknown>> = {},
): void {
  const entries = clusters.map(({ entry }) => entry);
  host.configure(
    { primary_port: undefined, replica_port: undefined, ...proxy },
    { scope: undefined, clusters: entries },
  );
}

async function echoes(client: TestClient, text: string): Promise<void> {
  await client.send(text);
  await client.untilText(text);
}

async function asked(host: ProxyHost, path: string): Promise<string> {
  const url = `http://127.0.0.1:${host.statsPort}${path}`;
  const answer = await fetch(url);
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return text;
}

/** Scopes on the page. */
async function shown(host: ProxyHost): Promise<readonly string[]> {
  const { clusters } = await host.stats();
  return clusters.map(({ scope }: { readonly scope: string }) => scope).sort();
}

Deno.test("clusters of one proxy have ports of their own, one page, and labels", async () => {
  await using host = new ProxyHost();
  await using a = new TestCluster(host, "a", host.port);
  await using b = new TestCluster(host, "b");
  for (const one of [a, b]) await one.lead();
  const sessions = `${host.folder}/sessions.log`;
  write(host, [a, b], { session_log: sessions });
  await host.start();
  await using first = await a.session();
  const second = await b.session();
  await until("both are shown", async () => `${await shown(host)}` === "a,b");
  const page = await asked(host, "/");
  assert.match(page, /<h2>Clusters/);
  assert.match(await asked(host, "/b/"), /<h2>Backends/);
  assert.equal(JSON.parse(await asked(host, "/b/stats")).scope, "b");
  assert.equal(JSON.parse(await asked(host, "/b/stats")).dataPlane, "portable");
  const metrics = (await asked(host, "/metrics")).split("\n");
  for (const scope of ["a", "b"]) {
    assert.ok(
      metrics.includes(
        `matriarch_proxy_sessions{scope="${scope}",route="primary"} 1`,
      ),
    );
  }
  const types = metrics.filter((line) =>
    line === "# TYPE matriarch_proxy_sessions gauge"
  );
  assert.equal(types.length, 1);
  const csv = (await asked(host, "/;csv")).split("\n")
    .map((line) => line.split(",").slice(0, 2).join());
  assert.deepEqual(
    csv.filter((line) => /:primary,/.test(line)),
    ["a", "b"].flatMap((scope) =>
      ["FRONTEND", "n1", "BACKEND"].map((name) => `${scope}:primary,${name}`)
    ),
  );
  const login = null;
  const urls = [`http://127.0.0.1:${host.statsPort}`];
  const looks = await Promise.all(
    ["b", "c"].map((scope) => lookAtProxies({ urls, scope, login })),
  );
  assert.deepEqual(
    looks.flat().map((look) =>
      look.kind === "answered" ? look.sessions : look.detail
    ),
    [1, "it serves another cluster"],
  );
  for (const path of ["/ui", "/b/ui", "/b"]) {
    const url = `http://127.0.0.1:${host.statsPort}${path}`;
    const answer = await fetch(url);
    assert.match(
      await answer.text(),
      path === "/ui" ? /<h2>Clusters/ : /<h2>Backends/,
      path,
    );
  }
  const strange = await fetch(`http://127.0.0.1:${host.statsPort}/c/stats`);
  await strange.body?.cancel();
  assert.equal(strange.status, 404);
  await second[Symbol.asyncDispose]();
  await until("the session is logged with its cluster", async () => {
    const text = await Deno.readTextFile(sessions).catch(() => "");
    return /session scope=b port=primary /.test(text);
  });
  assert.match(host.log, /\[b\] The proxy of scope "b" listens/);
  await echoes(first, "still here");
});

Deno.test("a reload adds, removes and changes clusters, and cuts nobody", async () => {
  await using host = new ProxyHost();
  await using a = new TestCluster(host, "a", host.port);
  await using b = new TestCluster(host, "b");
  await using c = new TestCluster(host, "c");
  for (const one of [a, b, c]) await one.lead();
  write(host, [a, b]);
  const child = await host.start();
  await until("b is served", () => isOpen(b.port), () => host.log);
  const reload = async (...clusters: readonly TestCluster[]) => {
    write(host, clusters);
    const from = host.log.length;
    child.kill("SIGHUP");
    await host.untilSaid(/The configuration is (reloaded|as it was)/, from);
  };
  await using first = await a.session();
  await using second = await b.session();
  const { clusters: [before] } = await host.stats();

  const more = freePort();
  c.set({ ports: [{ port: more, to: "any" }] });
  await reload(a, c);
  assert.deepEqual(await shown(host), ["a", "c"]);
  await using third = await c.session();
  await (await c.session(more))[Symbol.asyncDispose]();
  assert.equal(await isOpen(b.port), false);
  await echoes(second, "goes on");

  c.set({});
  await reload(a, b, c);
  await until("the port is closed", async () => !await isOpen(more));
  await using fourth = await b.session();
  await echoes(third, "of c");
  await echoes(first, "of a");
  const { clusters } = await host.stats();
  const after = clusters.find((one: { scope: string }) => one.scope === "a");
  assert.equal(after.startedAt, before.startedAt);
  assert.equal(after.predecessor, null);

  const from = host.log.length;
  child.kill("SIGHUP");
  await host.untilSaid(/as it was: nothing is reloaded/, from);
  child.kill("SIGTERM");
  for (const one of [first, second, third, fourth]) await one.untilEnd();
  assert.equal((await child.status).code, 0);
});

Deno.test("a cluster that cannot be had leaves the others as they are", async () => {
  await using host = new ProxyHost();
  await using a = new TestCluster(host, "a", host.port);
  await using b = new TestCluster(host, "b");
  for (const one of [a, b]) await one.lead();
  using other = Deno.listen({ hostname: "127.0.0.1", port: b.port });
  write(host, [a, b]);
  const child = await host.start();
  await host.untilSaid(/Scope "b" cannot be served yet.*another program uses/);
  await using first = await a.session();
  const say = async (what: RegExp) => {
    const from = host.log.length;
    child.kill("SIGHUP");
    await host.untilSaid(what, from);
    await echoes(first, "still here");
  };
  a.set({ ports: [{ port: other.addr.port, to: "any" }] });
  write(host, [a]);
  await say(/configuration of scope "a" is not reloaded, the one before stays/);
  write(host, [a], { workers: -1 });
  await say(/proxy\.workers/);
  host.configure();
  await say(/clusters comes or goes as a whole only when the proxy starts/);
  a.set({});
  write(host, [a, b]);
  await say(/Scope "b" cannot be served yet/);
  other.close();
  await until("b is tried again", () => isOpen(b.port), () => host.log);
  await using _second = await b.session();
});

Deno.test("another process takes all clusters over, and no session ends", async () => {
  await using host = new ProxyHost();
  await using a = new TestCluster(host, "a", host.port);
  await using b = new TestCluster(host, "b");
  await using c = new TestCluster(host, "c");
  for (const one of [a, b, c]) await one.lead();
  write(host, [a, b]);
  const child = await host.start();
  await until("b is served", () => isOpen(b.port), () => host.log);
  await using first = await a.session();
  await using second = await b.session();
  write(host, [b, c]);
  child.kill("SIGUSR2");
  await until("the new process serves", async () => {
    const { clusters } = await host.stats();
    return clusters.length === 2 &&
      clusters.every(({ pid }: { pid: number }) => pid !== child.pid);
  }, () => host.log);
  await echoes(first, "a goes on");
  await echoes(second, "b goes on");
  await using third = await c.session();
  await using fourth = await b.session();
  const { clusters: [{ pid }] } = await host.stats();
  child.kill("SIGTERM");
  for (const one of [first, second, third, fourth]) await one.untilEnd();
  await until("nothing is left", () => !isAlive(pid) && !isAlive(child.pid));
});

Deno.test("a proxy of which no cluster can be served does not start", async () => {
  await using host = new ProxyHost();
  await using a = new TestCluster(host, "a", host.port);
  using _other = Deno.listen({ hostname: "127.0.0.1", port: a.port });
  write(host, [a]);
  const { code, stderr } = await host.spawn().output();
  assert.equal(code, 1);
  assert.match(
    new TextDecoder().decode(stderr),
    /another program uses the port/,
  );
});
