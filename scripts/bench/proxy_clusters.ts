/**
 * `deno task bench:clusters`: what a stand-alone proxy for many clusters takes of
 * its host while no client comes. Each cluster has a leader and two replicas in
 * etcd, whose keys are written every ten seconds as members do it. It measures;
 * no test asserts on it.
 *
 * --clusters N,N (1,50,200), --seconds N (60), --port-base N (24000).
 * With MATRIARCH_BIN the one file is measured.
 */
import { parseArgs } from "node:util";
import {
  etcdNodes,
  etcdSection,
  startEtcd,
} from "../../lib/lab/stores/etcd.ts";
import { pause, waitFor } from "../../lib/lab/wait.ts";
import { parseCpuMs, parsePssKb } from "./idle_process.ts";
import { program } from "./matriarch_program.ts";

const BEAT_MS = 10_000;
const SETTLE_MS = 15_000;
const READY_MS = 120_000;
const WRITE_MS = 10_000;
const MEMBERS = ["n1", "n2", "n3"];

interface Options {
  readonly clusters: readonly number[];
  readonly seconds: number;
  readonly portBase: number;
}

function readOptions(): Options {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      clusters: { type: "string", default: "1,50,200" },
      seconds: { type: "string", default: "60" },
      "port-base": { type: "string", default: "24000" },
    },
  });
  return {
    clusters: values.clusters.split(",").map(Number),
    seconds: Number(values.seconds),
    portBase: Number(values["port-base"]),
  };
}

function scopeOf(at: number): string {
  return `c${at}`;
}

/** The proxy's file; the first two ports are etcd's, the third is the page's. */
function documentOf(
  count: number,
  section: Readonly<Record<string, unknown>>,
  portBase: number,
) {
  const clusters = Array.from({ length: count }, (_, at) => ({
    scope: scopeOf(at),
    proxy: {
      primary_port: portBase + 10 + 2 * at,
      replica_port: portBase + 11 + 2 * at,
    },
  }));
  const proxy = { listen: "127.0.0.1", stats_port: portBase + 2 };
  return { ...section, proxy, clusters };
}

/** Keys of etcd, through its gateway. */
class Keys {
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  async put(key: string, value: string): Promise<void> {
    const encoded = (text: string): string =>
      new TextEncoder().encode(text).toBase64();
    const answer = await fetch(`http://127.0.0.1:${this.#port}/v3/kv/put`, {
      method: "POST",
      body: JSON.stringify({ key: encoded(key), value: encoded(value) }),
      signal: AbortSignal.timeout(WRITE_MS),
    });
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`etcd answered ${answer.status}`);
  }

  /** What the members of a cluster write once per cycle. */
  async beat(scope: string, round: number): Promise<void> {
    for (const [at, name] of MEMBERS.entries()) {
      const role = at === 0
        ? { role: "primary" }
        : { role: "replica", replication_state: "streaming" };
      const member = {
        conn_url: `postgres://127.0.0.1:${1 + at}/postgres`,
        api_url: "http://127.0.0.1:1/patroni",
        state: "running",
        version: "4.1.4",
        xlog_location: 1_000 + round,
        ...role,
      };
      const key = `/service/${scope}/members/${name}`;
      await this.put(key, JSON.stringify(member));
    }
  }

  /** Until the signal ends, spread over the time. */
  async keepBeating(count: number, signal: AbortSignal): Promise<void> {
    for (let round = 1; !signal.aborted; round++) {
      for (let at = 0; at < count && !signal.aborted; at++) {
        await this.beat(scopeOf(at), round);
        await pause(BEAT_MS / count);
      }
    }
  }
}

interface Reading {
  readonly cpuMs: number;
  readonly pssMb: number;
  readonly rssMb: number;
  readonly threads: number;
  readonly descriptors: number;
}

function reading(pid: number): Reading {
  const read = (name: string): string =>
    Deno.readTextFileSync(`/proc/${pid}/${name}`);
  const status = read("status");
  const numberOf = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
  return {
    cpuMs: parseCpuMs(read("stat")),
    pssMb: Math.round(parsePssKb(read("smaps_rollup")) / 1024),
    rssMb: Math.round(numberOf("VmRSS") / 1024),
    threads: numberOf("Threads"),
    descriptors: [...Deno.readDirSync(`/proc/${pid}/fd`)].length,
  };
}

/** Every cluster has its leader. */
async function areRouted(url: string): Promise<true | null> {
  try {
    const { clusters } = await (await fetch(url)).json();
    const all: readonly { routes: { primary: unknown } }[] = clusters;
    return all.every(({ routes }) => routes.primary !== null) ? true : null;
  } catch {
    return null;
  }
}

/** One line of the table. */
async function measure(count: number, options: Options): Promise<string> {
  const { portBase } = options;
  const directory = await Deno.makeTempDir({ prefix: "bench-clusters-" });
  const nodes = etcdNodes(1, portBase);
  const etcd = await startEtcd({
    ...{ directory: `${directory}/etcd`, nodes, mark: directory },
  });
  try {
    const keys = new Keys(portBase);
    for (let at = 0; at < count; at++) {
      await keys.beat(scopeOf(at), 0);
      await keys.put(`/service/${scopeOf(at)}/leader`, MEMBERS[0] ?? "");
    }
    const document = documentOf(count, etcdSection(nodes), portBase);
    await Deno.writeTextFile(
      `${directory}/proxy.yml`,
      JSON.stringify(document),
    );
    return await measureProxy(directory, { ...options, count, keys });
  } finally {
    await etcd.stop();
    await Deno.remove(directory, { recursive: true });
  }
}

async function measureProxy(
  directory: string,
  { count, keys, portBase, seconds }: Options & {
    readonly count: number;
    readonly keys: Keys;
  },
): Promise<string> {
  const { command, args } = program("proxy", `${directory}/proxy.yml`);
  const startedAt = performance.now();
  const child = new Deno.Command(command, {
    args,
    env: { XDG_RUNTIME_DIR: directory },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const ending = new AbortController();
  const isRouted = () => areRouted(`http://127.0.0.1:${portBase + 2}/stats`);
  try {
    const timeoutMs = READY_MS;
    await waitFor("all clusters to be routed", isRouted, { timeoutMs });
    const readyS = (performance.now() - startedAt) / 1000;
    const beating = keys.keepBeating(count, ending.signal);
    await pause(SETTLE_MS);
    const before = reading(child.pid);
    await pause(seconds * 1000);
    const after = reading(child.pid);
    ending.abort();
    await beating;
    const percent = (after.cpuMs - before.cpuMs) / seconds / 10;
    const numbers = [after.pssMb, after.rssMb, percent.toFixed(2)];
    const cells = [count, readyS.toFixed(1), ...numbers, after.threads];
    return `| ${[...cells, after.descriptors].join(" | ")} |`;
  } finally {
    ending.abort();
    child.kill("SIGTERM");
    await child.status;
  }
}

if (import.meta.main) {
  const options = readOptions();
  const titles = ["clusters", "routed after s", "PSS MB", "RSS MB", "CPU %"];
  const head = [...titles, "threads", "descriptors"];
  console.log(`| ${head.join(" | ")} |\n|${" --- |".repeat(head.length)}`);
  for (const count of options.clusters) {
    console.log(await measure(count, options));
  }
}
