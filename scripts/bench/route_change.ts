/**
 * `deno task bench:route-change`: from the moment the leader key changes in etcd
 * to the first byte that a proxy forwards to the new leader, of two proxies at
 * once: one reads etcd, one is told by an agent's stream. A client waits at each
 * of them in a scope without leader; the clock starts before the key is sent.
 *
 * --rounds N (50).
 */
import { parseArgs } from "node:util";
import { etcdHosts, etcdNodes, startEtcd } from "../../lib/lab/stores/etcd.ts";
import {
  type Child,
  killMarked,
  startChild,
  stopChild,
} from "../../lib/lab/processes.ts";
import { median } from "./report.ts";

const HOST = "127.0.0.1";
const PATIENCE_MS = 20_000;
const MAIN = new URL("../../main.ts", import.meta.url).pathname;

const TELLER =
  new URL("../../tests/helpers/route_teller.ts", import.meta.url).pathname;

/** Where the user's one letter is in a startup packet. */
const USER_AT = 13;

/** StartupMessage, protocol 3.0. */
function startup(user: string): Uint8Array {
  const letter = user.charCodeAt(0);
  return new Uint8Array(
    [0, 0, 0, 16, 0, 3, 0, 0, 117, 115, 101, 114, 0, letter, 0, 0],
  );
}

/** The keys of a scope, through etcd's JSON gateway. */
class Keys {
  readonly #url: string;

  constructor(port: number) {
    this.#url = `http://${HOST}:${port}/v3/kv`;
  }

  async put(key: string, value: string): Promise<void> {
    await this.#call("put", { key: pathOf(key), value: btoa(value) });
  }

  async remove(key: string): Promise<void> {
    await this.#call("deleterange", { key: pathOf(key) });
  }

  async #call(what: string, body: unknown): Promise<void> {
    const response = await fetch(`${this.#url}/${what}`, {
      method: "POST",
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`etcd: ${await response.text()}`);
    await response.body?.cancel();
  }
}

function pathOf(key: string): string {
  return btoa(`/service/bench/${key}`);
}

/** Stands for a member's PostgreSQL: says when it was sent something. */
class Backend {
  readonly name: string;
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #onPacket = new Map<string, () => void>();

  constructor(name: string) {
    this.name = name;
    this.#listener = Deno.listen({ hostname: HOST, port: 0 });
    this.port = this.#listener.addr.port;
    this.#serve();
  }

  /** Resolves with the moment of that user's packet. */
  packetOf(user: string): Promise<number> {
    return new Promise((resolve) => {
      this.#onPacket.set(user, () => resolve(performance.now()));
    });
  }

  close(): void {
    this.#listener.close();
  }

  async #serve(): Promise<void> {
    try {
      for await (const conn of this.#listener) this.#read(conn);
    } catch {
      // Closed.
    }
  }

  async #read(conn: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(100);
    try {
      if (await conn.read(buffer) !== null) {
        this.#onPacket.get(String.fromCharCode(buffer[USER_AT] ?? 0))?.();
      }
      while (await conn.read(buffer) !== null);
      conn.close();
    } catch {
      // The client is gone.
    }
  }
}

/** Clients that wait, and whether there is a leader; null while it does not answer. */
async function look(
  statsPort: number,
): Promise<{ readonly held: number; readonly hasLeader: boolean } | null> {
  try {
    const response = await fetch(`http://${HOST}:${statsPort}/stats`);
    const { ports, routes } = await response.json();
    return { held: ports.primary.held, hasLeader: routes.primary !== null };
  } catch {
    return null;
  }
}

async function until(
  what: string,
  isSo: () => Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!await isSo()) {
    if (performance.now() > deadline) throw new Error(`Never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** One that comes before the threads know that nobody leads is cut: then another one comes. */
async function waitingClient(
  ports: ProxyPorts,
  user: string,
): Promise<Deno.TcpConn> {
  while (true) {
    const client = await Deno.connect({ hostname: HOST, port: ports.primary });
    let isCut = false;
    await client.write(startup(user));
    client.read(new Uint8Array(1)).catch(() => null).then(() => {
      isCut = true;
    });
    await until("a client waits", async () => {
      return isCut || (await look(ports.stats))?.held === 1;
    });
    if (!isCut) return client;
    client.close();
  }
}

interface Scene {
  readonly keys: Keys;
  /** By the letter of the user that waits there. */
  readonly proxies: readonly (readonly [string, ProxyPorts])[];
}

/** Milliseconds from the change of the key to the first byte, by each proxy. */
async function round(
  { keys, proxies }: Scene,
  next: Backend,
): Promise<readonly number[]> {
  await keys.remove("leader");
  for (const [, ports] of proxies) {
    await until("there is no leader", async () => {
      return (await look(ports.stats))?.hasLeader === false;
    });
  }
  const clients: Deno.TcpConn[] = [];
  for (const [user, ports] of proxies) {
    clients.push(await waitingClient(ports, user));
  }
  const forwarded = proxies.map(([user]) => next.packetOf(user));
  const changedAt = performance.now();
  await keys.put("leader", next.name);
  const times = await Promise.all(forwarded);
  for (const client of clients) client.close();
  return times.map((at) => at - changedAt);
}

interface ProxyPorts {
  readonly primary: number;
  readonly replica: number;
  readonly stats: number;
}

function freePorts(count: number): readonly number[] {
  const held = Array.from(
    { length: count },
    () => Deno.listen({ hostname: HOST, port: 0 }),
  );
  const ports = held.map((one) => one.addr.port);
  for (const one of held) one.close();
  return ports;
}

function proxyPorts(): ProxyPorts {
  const [primary = 0, replica = 0, stats = 0] = freePorts(3);
  return { primary, replica, stats };
}

/** Starts a proxy that knows of the scope by `store`, more of its section by `more`. */
async function startProxy(
  directory: string,
  name: string,
  given: {
    readonly ports: ProxyPorts;
    readonly store: Readonly<Record<string, unknown>>;
    readonly more: Readonly<Record<string, unknown>>;
  },
): Promise<Child> {
  const { ports: { primary, replica, stats }, store, more } = given;
  const config = `${directory}/${name}.yml`;
  const ports = { primary_port: primary, replica_port: replica };
  const proxy = { listen: HOST, ...ports, stats_port: stats, ...more };
  await Deno.writeTextFile(
    config,
    JSON.stringify({ scope: "bench", ...store, proxy }),
  );
  return startChild({
    command: Deno.execPath(),
    args: ["run", "--allow-all", "--quiet", MAIN, "proxy", config],
    mark: directory,
    cwd: directory,
    logPath: `${directory}/${name}.log`,
  });
}

async function measure(
  directory: string,
  rounds: number,
): Promise<readonly (readonly number[])[]> {
  const [etcdPort = 0, tellerPort = 0] = freePorts(2);
  const nodes = etcdNodes(1, etcdPort);
  const mark = directory;
  const etcd = await startEtcd({ directory: `${directory}/etcd`, mark, nodes });
  const backends = [new Backend("b1"), new Backend("b2")] as const;
  const hosts = etcdHosts(nodes);
  const [read, told] = [proxyPorts(), proxyPorts()];
  const teller = startChild({
    command: Deno.execPath(),
    args: [
      ...["run", "--allow-all", "--quiet", TELLER],
      ...[`${tellerPort}`, hosts.join(",")],
    ],
    mark,
    cwd: directory,
    logPath: `${directory}/teller.log`,
  });
  const agents = [`http://${HOST}:${tellerPort}`];
  const children = [
    teller,
    await startProxy(directory, "read", {
      ...{ ports: read, store: { etcd3: { hosts } }, more: {} },
    }),
    await startProxy(directory, "told", {
      ...{ ports: told, store: {}, more: { agents } },
    }),
  ];
  try {
    const keys = new Keys(etcdPort);
    for (const { name, port } of backends) {
      const member = { state: "running", role: "primary", xlog_location: 1 };
      const conn_url = `postgres://${HOST}:${port}/postgres`;
      await keys.put(
        `members/${name}`,
        JSON.stringify({ ...member, conn_url }),
      );
    }
    const proxies = [["r", read], ["t", told]] as const;
    for (const [, { stats }] of proxies) {
      await until("it answers", async () => await look(stats) !== null);
    }
    const results: (readonly number[])[] = [];
    for (let i = 0; i < rounds; i++) {
      const next = backends[i % 2 === 0 ? 0 : 1];
      results.push(await round({ keys, proxies }, next));
    }
    return results;
  } finally {
    for (const child of children) await stopChild(child, 5_000);
    for (const backend of backends) backend.close();
    await etcd.stop();
    await killMarked(directory);
  }
}

function lineOf(what: string, results: readonly number[]): string {
  const sorted = [...results].sort((a, b) => a - b);
  const p90 = sorted[Math.ceil(sorted.length * 0.9) - 1] ?? NaN;
  return `${what}: ${sorted.length} route changes, median ${
    median(sorted)
  } ms, p90 ${p90.toFixed(1)} ms, max ${(sorted.at(-1) ?? NaN).toFixed(1)} ms`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    args: Deno.args,
    options: { rounds: { type: "string", default: "50" } },
  });
  const directory = await Deno.makeTempDir({ prefix: "matriarch-route-" });
  try {
    const results = await measure(directory, Number(values.rounds));
    for (const [at, what] of ["reads etcd", "told by an agent"].entries()) {
      console.log(lineOf(what, results.map((one) => one[at] ?? NaN)));
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

if (import.meta.main) {
  await main();
  Deno.exit(0);
}
