/** The loads of `bench:proxy`, and how much CPU and memory the proxy spends on them. */
import { p99, transactionsIn } from "./pgbench_log.ts";
import type { Load } from "./proxy.ts";
import { type BenchProxies, type BenchProxy, freePort } from "./proxy_sides.ts";

const BIN = "/usr/lib/postgresql/15/bin";
/** Source: sysconf(_SC_CLK_TCK), 100 on every Linux there is. */
const TICK_US = 10_000;
const BULK_ROWS = 100_000;
const BULK_SQL = `copy (select repeat('x', 8000) from ` +
  `generate_series(1, ${BULK_ROWS})) to stdout`;
const CONNECTS_AT_ONCE = 50;

/** One measurement. */
export interface Sample {
  readonly proxy: string;
  readonly load: string;
  /** Transactions, connections or MB per second. */
  readonly rate: number;
  /** Of the proxy, per transaction, connection or MB. */
  readonly cpuUs: number;
  /** 99th percentile; null where it was not measured. */
  readonly p99Ms: number | null;
}

/** Memory of a proxy with idle sessions. */
export interface MemorySample {
  readonly proxy: string;
  readonly sessions: number;
  readonly residentMb: number;
}

/** Runs one load whose clients come and go through one proxy. */
export async function measureLoad(
  proxy: BenchProxy,
  load: Load,
  seconds: number,
): Promise<Sample> {
  const before = cpuUs(proxy.pid);
  const { count, spentS, p99Ms } = load.kind === "bulk"
    ? await bulk(proxy)
    : await connects(proxy, load, seconds);
  const cpu = cpuUs(proxy.pid) - before;
  const named = { proxy: proxy.name, load: load.name };
  return { ...named, rate: count / spentS, cpuUs: cpu / count, p99Ms };
}

interface Outcome {
  readonly count: number;
  readonly spentS: number;
  readonly p99Ms: number | null;
}

/** A program and its arguments; it writes a log of all transactions into its directory. */
export function pgbenchArgs(
  proxy: BenchProxy,
  load: Load,
  seconds: number,
): readonly [string, string[]] {
  const isConnect = load.kind === "connect";
  return [`${BIN}/pgbench`, [
    ...["-h", "127.0.0.1", "-p", `${proxy.port}`, "-U", "postgres"],
    ...["-n", "-S", "-M", isConnect ? "simple" : "prepared"],
    ...["-c", `${load.clients}`, "-j", `${Math.min(2, load.clients)}`],
    ...["-T", `${seconds}`, "-l", ...(isConnect ? ["-C"] : []), "postgres"],
  ]];
}

async function connects(
  proxy: BenchProxy,
  load: Load,
  seconds: number,
): Promise<Outcome> {
  const folder = await Deno.makeTempDir({ prefix: "matriarch-bench-log-" });
  const [program, args] = pgbenchArgs(proxy, load, seconds);
  const { stdout, stderr, success } = await new Deno.Command(program, {
    args,
    cwd: folder,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(`${proxy.name}: ${text.decode(stderr)}`);
  const found = /actually processed: (\d+)/.exec(text.decode(stdout));
  const done = await transactionsIn(folder);
  await Deno.remove(folder, { recursive: true });
  return {
    count: Number(found?.[1] ?? 0),
    spentS: seconds,
    p99Ms: p99(done.map(({ tookUs }) => tookUs)) / 1000,
  };
}

async function bulk(proxy: BenchProxy): Promise<Outcome> {
  const startedAt = performance.now();
  const child = new Deno.Command(`${BIN}/psql`, {
    args: [
      ...["-h", "127.0.0.1", "-p", `${proxy.port}`, "-U", "postgres"],
      ...["-XAtq", "-o", "/dev/null", "-c", BULK_SQL, "postgres"],
    ],
    stdin: "null",
    stdout: "null",
  }).spawn();
  const { success } = await child.status;
  if (!success) throw new Error(`${proxy.name}: psql failed`);
  const spentS = (performance.now() - startedAt) / 1000;
  return { count: BULK_ROWS * 8001 / 1e6, spentS, p99Ms: null };
}

/** Time of all threads. Source: proc_pid_stat(5), utime and stime. */
export function cpuUs(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

/**
 * Memory with sessions that have opened and then say nothing, behind a backend
 * that says nothing either. Counts that this host's descriptors are not enough
 * for are lowered.
 */
export async function idleMemory(
  start: (backend: number) => Promise<BenchProxies>,
  counts: readonly number[],
): Promise<readonly MemorySample[]> {
  const port = freePort();
  const sink = new Deno.Command(Deno.execPath(), {
    args: ["eval", sinkProgram(port)],
    stdin: "null",
  }).spawn();
  const samples: MemorySample[] = [];
  try {
    await using proxies = await start(port);
    for (const proxy of proxies.list) {
      const clients: Deno.TcpConn[] = [];
      for (const wanted of counts) {
        const sessions = Math.min(wanted, sessionsMax());
        await connectIdle(proxy.port, sessions, clients);
        const residentMb = await settledMemory(proxy.pid);
        samples.push({ proxy: proxy.name, sessions, residentMb });
        console.error(`${proxy.name}: ${sessions} idle, ${residentMb} MB`);
      }
      for (const client of clients) client.close();
    }
  } finally {
    sink.kill("SIGKILL");
    await sink.status;
  }
  return samples;
}

/** Takes every connection; one that is over before it was taken is no error. */
function sinkProgram(port: number): string {
  return `const into = new Uint8Array(64);` +
    `async function hold(c) { try { while (await c.read(into) !== null); } ` +
    `catch { /* cut */ } c.close(); }` +
    `const listener = Deno.listen({ hostname: "127.0.0.1", ` +
    `port: ${port}, tcpBacklog: 4096 });` +
    `for (;;) await listener.accept().then((c) => { hold(c); }, () => {});`;
}

/** Two descriptors per session, and some for everything else. */
function sessionsMax(): number {
  const limits = Deno.readTextFileSync("/proc/self/limits");
  const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]);
  return Math.floor((limit - 500) / 2);
}

async function connectIdle(
  port: number,
  count: number,
  clients: Deno.TcpConn[],
): Promise<void> {
  const startup = startupPacket();
  while (clients.length < count) {
    const missing = Math.min(CONNECTS_AT_ONCE, count - clients.length);
    const made = await Promise.all(
      Array.from({ length: missing }, async () => {
        const client = await Deno.connect({ hostname: "127.0.0.1", port });
        await client.write(startup);
        return client;
      }),
    );
    clients.push(...made);
  }
}

/** Resident memory once it has stopped to grow. */
async function settledMemory(pid: number): Promise<number> {
  let before = -1;
  while (true) {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    const kb = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
    if (kb <= before * 1.01) return Math.round(kb / 1024);
    before = kb;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

function startupPacket(): Uint8Array {
  const body = new TextEncoder().encode("user\0x\0\0");
  const packet = new Uint8Array(8 + body.length);
  const view = new DataView(packet.buffer);
  view.setUint32(0, packet.length);
  view.setUint32(4, 3 << 16);
  packet.set(body, 8);
  return packet;
}
