/** What `bench:proxy` compares: HAProxy 2.6, HAProxy 3.0, this project's proxies; and the PostgreSQL behind them. */
import type { BenchStore } from "./bench_store.ts";
import { program } from "./matriarch_program.ts";

const BIN = "/usr/lib/postgresql/15/bin";
const STARTED_MS_MAX = 20_000;
const TRIXIE = ".cache/bench/trixie";

/** A proxy under measurement. */
export interface BenchProxy {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
}

/** Several of them; disposing ends them. */
export class BenchProxies implements AsyncDisposable {
  readonly list: readonly BenchProxy[];
  readonly #children: readonly Deno.ChildProcess[];
  readonly #folder: string;
  #isStopped = false;

  constructor(
    list: readonly BenchProxy[],
    children: readonly Deno.ChildProcess[],
    folder: string,
  ) {
    this.list = list;
    this.#children = children;
    this.#folder = folder;
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    for (const child of this.#children) child.kill("SIGKILL");
    for (const child of this.#children) await child.status;
    await Deno.remove(this.#folder, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** What to start, in front of which port. */
export interface SidesPlan {
  readonly port: number;
  /** Says that the leader listens there. */
  readonly store: BenchStore;
  /** Of this plan alone. */
  readonly scope: string;
  /** Names; empty: all. */
  readonly only: readonly string[];
  readonly trixie: string | null;
}

/** Starts every proxy in front of `plan.port` and waits until it takes clients. */
export async function startProxies(plan: SidesPlan): Promise<BenchProxies> {
  const folder = await Deno.makeTempDir({ prefix: "matriarch-bench-" });
  await plan.store.lead(plan.scope, plan.port);
  const children: Deno.ChildProcess[] = [];
  const list: BenchProxy[] = [];
  const add = async (name: string, start: Starter): Promise<void> => {
    if (plan.only.length > 0 && !plan.only.includes(name)) return;
    const port = freePort();
    const child = await start(port);
    if (child === null) return;
    children.push(child);
    await untilOpen(port, name);
    list.push({ name, port, pid: child.pid });
  };
  await add("haproxy-2.6", (port) => startHaproxy(folder, plan, port));
  await add("haproxy-3.0", (port) => startTrixie(plan, port));
  await add(
    "workers-1",
    (port) => startOurs(`${folder}/w1`, plan, { port, setting: "workers: 1" }),
  );
  await add(
    "workers-2",
    (port) => startOurs(`${folder}/w2`, plan, { port, setting: "workers: 2" }),
  );
  await add(
    "epoll",
    (port) =>
      startOurs(`${folder}/e`, plan, {
        port,
        setting: "workers: 1, io_uring: false",
      }),
  );
  await add(
    "portable",
    (port) =>
      startOurs(`${folder}/p`, plan, { port, setting: "data_plane: portable" }),
  );
  return new BenchProxies(list, children, folder);
}

type Starter = (port: number) => Promise<Deno.ChildProcess | null>;

/** As in HAProxy's and Patroni's documentation for TCP. */
function haproxyConfig(port: number, backend: number): string {
  return [
    "global",
    "  maxconn 9900",
    "defaults",
    "  mode tcp",
    "  retries 2",
    "  timeout client 30m",
    "  timeout connect 4s",
    "  timeout server 30m",
    "  timeout check 5s",
    "listen primary",
    `  bind 127.0.0.1:${port}`,
    `  server one 127.0.0.1:${backend}`,
    "",
  ].join("\n");
}

async function startHaproxy(
  folder: string,
  plan: SidesPlan,
  port: number,
): Promise<Deno.ChildProcess | null> {
  const file = `${folder}/haproxy.cfg`;
  await Deno.writeTextFile(file, haproxyConfig(port, plan.port));
  return spawn("haproxy", ["-f", file], "HAProxy of this suite");
}

async function startTrixie(
  plan: SidesPlan,
  port: number,
): Promise<Deno.ChildProcess | null> {
  const root = plan.trixie ?? await makeTrixie();
  if (root === null) {
    console.error("HAProxy 3.0 is left out: it needs root and debootstrap");
    return null;
  }
  const file = `/etc/matriarch-bench-${port}.cfg`;
  await Deno.writeTextFile(`${root}${file}`, haproxyConfig(port, plan.port));
  const args = [root, "/usr/sbin/haproxy", "-f", file];
  return spawn("chroot", args, "HAProxy of trixie");
}

async function makeTrixie(): Promise<string | null> {
  const root = `${Deno.cwd()}/${TRIXIE}`;
  if (await exists(`${root}/usr/sbin/haproxy`)) return root;
  if (Deno.uid() !== 0) return null;
  await Deno.mkdir(root, { recursive: true });
  const args = ["--variant=minbase", "--include=haproxy", "trixie", root];
  const child = spawn("debootstrap", args, "debootstrap");
  return child !== null && (await child.status).success ? root : null;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** The program of this checkout, or the one file that MATRIARCH_BIN names. */
async function startOurs(
  folder: string,
  plan: SidesPlan,
  given: { readonly port: number; readonly setting: string },
): Promise<Deno.ChildProcess | null> {
  await Deno.mkdir(folder);
  const proxy = [
    "listen: 127.0.0.1",
    `primary_port: ${given.port}`,
    `replica_port: ${freePort()}`,
    `stats_port: ${freePort()}`,
    "max_connections: 20000",
    given.setting,
  ].join(", ");
  const file = `${folder}/proxy.yml`;
  const etcd = `etcd3: {host: "127.0.0.1:${plan.store.port}"}`;
  const text = `scope: ${plan.scope}\n${etcd}\nproxy: {${proxy}}\n`;
  await Deno.writeTextFile(file, text);
  const { command, args } = program("proxy", file);
  return spawn(command, args, "this project's proxy");
}

function spawn(
  program: string,
  args: readonly string[],
  what: string,
): Deno.ChildProcess | null {
  try {
    return new Deno.Command(program, {
      args: [...args],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  } catch (error) {
    console.error(`${what} is left out: ${error}`);
    return null;
  }
}

/** A small PostgreSQL with pgbench's tables; disposing ends it. */
export class BenchPostgres implements AsyncDisposable {
  readonly port = freePort();
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(): Promise<BenchPostgres> {
    const folder = await Deno.makeTempDir({ prefix: "matriarch-bench-pg-" });
    if (Deno.uid() === 0) {
      await new Deno.Command("chown", { args: ["postgres", folder] }).output();
    }
    const server = new BenchPostgres(folder);
    const data = `${folder}/data`;
    const settings = `-p ${server.port} -h 127.0.0.1 -k ${folder} ` +
      "-c fsync=off -c shared_buffers=128MB -c max_connections=400";
    await server.#run("initdb", ["-D", data, "-A", "trust", "--no-sync"]);
    await server.#run("pg_ctl", [
      ...["-D", data, "-l", `${folder}/log`, "-w", "-o", settings, "start"],
    ]);
    const at = ["-h", "127.0.0.1", "-p", `${server.port}`, "-U", "postgres"];
    await server.#run("pgbench", [...at, "-i", "-q", "-s", "5", "postgres"]);
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const data = `${this.#folder}/data`;
    await this.#run("pg_ctl", ["-D", data, "-m", "immediate", "stop"]);
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #run(program: string, args: readonly string[]): Promise<void> {
    const line = [`${BIN}/${program}`, ...args];
    const as = Deno.uid() === 0
      ? ["runuser", "-u", "postgres", "--", ...line]
      : line;
    const { code, stderr } = await new Deno.Command(as[0] ?? program, {
      args: as.slice(1),
      cwd: "/",
      stdin: "null",
      stdout: "null",
      stderr: program === "pg_ctl" ? "null" : "piped",
    }).output().then((result) => ({
      code: result.code,
      stderr: program === "pg_ctl"
        ? ""
        : new TextDecoder().decode(result.stderr),
    }));
    if (code !== 0) throw new Error(`${program} failed: ${stderr}`);
  }
}

/** A port that nobody listens on. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

async function untilOpen(port: number, name: string): Promise<void> {
  const deadline = performance.now() + STARTED_MS_MAX;
  while (performance.now() < deadline) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error(`${name} does not listen`);
}
