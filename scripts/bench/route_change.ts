/**
 * `deno task bench:route-change`: from the moment the leader key changes in etcd
 * to the first byte that the proxy forwards to the new leader. A client waits at
 * the proxy of a scope without leader; the clock starts before the key is sent.
 *
 * --rounds N (50).
 */
import { parseArgs } from "node:util";
import { etcdHosts, etcdNodes, startEtcd } from "../../lib/lab/stores/etcd.ts";
import { killMarked, startChild, stopChild } from "../../lib/lab/processes.ts";
import { median } from "./report.ts";

const HOST = "127.0.0.1";
const PATIENCE_MS = 20_000;
const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** StartupMessage, protocol 3.0, user "x". */
const STARTUP = new Uint8Array(
  [0, 0, 0, 16, 0, 3, 0, 0, 117, 115, 101, 114, 0, 120, 0, 0],
);

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
  #onByte: (() => void) | null = null;

  constructor(name: string) {
    this.name = name;
    this.#listener = Deno.listen({ hostname: HOST, port: 0 });
    this.port = this.#listener.addr.port;
    this.#serve();
  }

  /** Resolves with the moment of the first byte that comes. */
  firstByte(): Promise<number> {
    return new Promise((resolve) => {
      this.#onByte = () => resolve(performance.now());
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
      if (await conn.read(buffer) !== null) this.#onByte?.();
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
async function waitingClient(ports: Ports): Promise<Deno.TcpConn> {
  while (true) {
    const client = await Deno.connect({ hostname: HOST, port: ports.primary });
    let isCut = false;
    await client.write(STARTUP);
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
  readonly ports: Ports;
}

/** Milliseconds from the change of the key to the first byte. */
async function round({ keys, ports }: Scene, next: Backend): Promise<number> {
  await keys.remove("leader");
  await until("there is no leader", async () => {
    return (await look(ports.stats))?.hasLeader === false;
  });
  const client = await waitingClient(ports);
  const forwarded = next.firstByte();
  const changedAt = performance.now();
  await keys.put("leader", next.name);
  const tookMs = await forwarded - changedAt;
  client.close();
  return tookMs;
}

interface Ports {
  readonly primary: number;
  readonly replica: number;
  readonly stats: number;
  readonly etcd: number;
}

function freePorts(): Ports {
  const held = Array.from(
    { length: 5 },
    () => Deno.listen({ hostname: HOST, port: 0 }),
  );
  const [primary = 0, replica = 0, stats = 0, etcd = 0] = held.map((one) =>
    one.addr.port
  );
  for (const one of held) one.close();
  return { primary, replica, stats, etcd };
}

async function measure(
  directory: string,
  rounds: number,
): Promise<readonly number[]> {
  const ports = freePorts();
  const nodes = etcdNodes(1, ports.etcd);
  const mark = directory;
  const etcd = await startEtcd({ directory: `${directory}/etcd`, mark, nodes });
  const backends = [new Backend("b1"), new Backend("b2")] as const;
  const config = `${directory}/proxy.yml`;
  const { primary, replica, stats } = ports;
  await Deno.writeTextFile(
    config,
    `scope: bench
etcd3: {hosts: ["${etcdHosts(nodes).join('","')}"]}
proxy: {listen: ${HOST}, primary_port: ${primary}, replica_port: ${replica}, stats_port: ${stats}}
`,
  );
  const proxy = startChild({
    command: Deno.execPath(),
    args: ["run", "--allow-all", "--quiet", MAIN, "proxy", config],
    mark,
    cwd: directory,
    logPath: `${directory}/proxy.log`,
  });
  try {
    const keys = new Keys(ports.etcd);
    for (const { name, port } of backends) {
      const member = { state: "running", role: "primary", xlog_location: 1 };
      const conn_url = `postgres://${HOST}:${port}/postgres`;
      await keys.put(
        `members/${name}`,
        JSON.stringify({ ...member, conn_url }),
      );
    }
    await until("it answers", async () => await look(stats) !== null);
    const results: number[] = [];
    for (let i = 0; i < rounds; i++) {
      const next = backends[i % 2 === 0 ? 0 : 1];
      results.push(await round({ keys, ports }, next));
    }
    return results;
  } finally {
    await stopChild(proxy, 5_000);
    for (const backend of backends) backend.close();
    await etcd.stop();
    await killMarked(directory);
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    args: Deno.args,
    options: { rounds: { type: "string", default: "50" } },
  });
  const directory = await Deno.makeTempDir({ prefix: "matriarch-route-" });
  try {
    const results = await measure(directory, Number(values.rounds));
    const sorted = [...results].sort((a, b) => a - b);
    const p90 = sorted[Math.ceil(sorted.length * 0.9) - 1] ?? NaN;
    console.log(
      `${sorted.length} route changes: median ${median(sorted)} ms, ` +
        `p90 ${p90.toFixed(1)} ms, max ${(sorted.at(-1) ?? NaN).toFixed(1)} ms`,
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

if (import.meta.main) {
  await main();
  Deno.exit(0);
}
