/**
 * Clients that stay connected to one proxy through all rounds of a load, and work
 * only while they are measured. A new backend is slow until it has touched the
 * pages that it needs, for seconds with many clients, and all of that would look
 * as if it were the proxies'. So every set of clients warms up once and is then
 * stopped and continued, in turns with those of other proxies.
 */
import { p99, transactionsIn } from "./pgbench_log.ts";
import { cpuUs, pgbenchArgs, type Sample } from "./proxy_loads.ts";
import type { Load } from "./proxy.ts";
import type { BenchProxy } from "./proxy_sides.ts";

/** Longer than any run; the clients are ended before. */
const WORK_S = 36_000;
/** After they went on: until all of them are at work again. */
const RESUMED_MS = 200;
/** pgbench writes its log in pieces; so long it goes on until the last one that counts is out. */
const FLUSHED_MS = 1_000;

/** What happened between two moments of the clock, microseconds since 1970. */
interface Window {
  readonly fromUs: number;
  readonly toUs: number;
  readonly cpuUs: number;
}

/** Clients that stay connected to one proxy through all rounds. */
export class HeldSessions implements AsyncDisposable {
  readonly #proxy: BenchProxy;
  readonly #load: Load;
  readonly #folder: string;
  readonly #clients: Deno.ChildProcess;
  readonly #windows: Window[] = [];

  private constructor(
    proxy: BenchProxy,
    load: Load,
    parts: { readonly folder: string; readonly clients: Deno.ChildProcess },
  ) {
    this.#proxy = proxy;
    this.#load = load;
    this.#folder = parts.folder;
    this.#clients = parts.clients;
  }

  /** Connects, works for `warmS` seconds, and stops. */
  static async open(
    proxy: BenchProxy,
    load: Load,
    warmS: number,
  ): Promise<HeldSessions> {
    const folder = await Deno.makeTempDir({ prefix: "matriarch-bench-log-" });
    const [program, args] = pgbenchArgs(proxy, load, WORK_S);
    const clients = new Deno.Command(program, {
      args,
      cwd: folder,
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    const held = new HeldSessions(proxy, load, { folder, clients });
    await pause(warmS * 1000);
    clients.kill("SIGSTOP");
    return held;
  }

  async measure(seconds: number): Promise<void> {
    const { pid } = this.#proxy;
    this.#clients.kill("SIGCONT");
    await pause(RESUMED_MS);
    const cpuBefore = cpuUs(pid);
    const fromUs = Date.now() * 1000;
    await pause(seconds * 1000);
    const cpu = cpuUs(pid) - cpuBefore;
    this.#windows.push({ fromUs, toUs: Date.now() * 1000, cpuUs: cpu });
    this.#clients.kill("SIGSTOP");
  }

  /** One for each time that it was measured; ends the clients. */
  async samples(): Promise<readonly Sample[]> {
    this.#clients.kill("SIGCONT");
    await pause(FLUSHED_MS);
    await this.#end();
    const done = await transactionsIn(this.#folder);
    const { name: proxy } = this.#proxy;
    const { name: load } = this.#load;
    return this.#windows.map(({ fromUs, toUs, cpuUs }) => {
      const own = done.filter(({ endUs }) => endUs >= fromUs && endUs < toUs);
      const rate = own.length / ((toUs - fromUs) / 1e6);
      const p99Ms = p99(own.map(({ tookUs }) => tookUs)) / 1000;
      return { proxy, load, rate, cpuUs: cpuUs / own.length, p99Ms };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #end(): Promise<void> {
    try {
      this.#clients.kill("SIGKILL");
    } catch {
      // Over already.
    }
    await this.#clients.status;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
