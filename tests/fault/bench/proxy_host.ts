/** A stand-alone proxy on a host of its own, as docs/clients.md has two of them in place of HAProxy and keepalived. */
import { parse, stringify } from "yaml";
import type { Section } from "../../helpers/agent_member.ts";
import { blockWith, sectionUnder } from "../../helpers/doc_blocks.ts";
import { isAlive, signalTo } from "../../helpers/own_processes.ts";
import type { FaultBench } from "./bench.ts";
import { denoCommand } from "./deno.ts";
import { launch, USER } from "./launch.ts";
import type { Host } from "./network.ts";
import { shell } from "./shell.ts";

/** Where it runs. */
type ProxyBench = Pick<FaultBench, "directory" | "network">;

const RECIPE = "## Two proxy hosts with one address";

/** What docs/clients.md prints for both hosts, with the bench's addresses. */
export function printedConfig({ network }: ProxyBench): Section {
  const printed = blockWith(sectionUnder("clients.md", RECIPE), "etcd3:");
  return parse(
    printed.replaceAll("10.0.0.", network.addressOf(0).slice(0, -1)),
  );
}

/** One proxy process after the other. */
export class BenchProxy {
  readonly host: Host;
  readonly #bench: ProxyBench;
  readonly #directory: string;
  #child: Deno.ChildProcess | null = null;

  private constructor(bench: ProxyBench, host: Host) {
    this.#bench = bench;
    this.host = host;
    this.#directory = `${bench.directory}/${host.name}`;
  }

  /** Adds a host for it to the bench's network. */
  static async on(
    bench: ProxyBench,
    name: string,
    number: number,
  ): Promise<BenchProxy> {
    const host = await bench.network.addHost(name, number);
    const proxy = new BenchProxy(bench, host);
    await Deno.mkdir(proxy.#directory);
    await shell(["chown", `${USER}:`, proxy.#directory]);
    return proxy;
  }

  /** Starts it with these addresses. */
  start(
    vip: readonly Section[],
    rights: "may carry addresses" | "none" = "may carry addresses",
  ): void {
    this.configure(vip);
    this.#launch(rights);
  }

  /** Starts it with this in its configuration. */
  startWith(config: Section): void {
    this.write(config);
    this.#launch("may carry addresses");
  }

  /** Writes its configuration: the printed one with these addresses. */
  configure(vip: readonly Section[]): void {
    this.write({ ...printedConfig(this.#bench), vip });
  }

  /** Writes a configuration. */
  write(config: Section): void {
    const text = stringify({ ...config, name: this.host.name });
    Deno.writeTextFileSync(this.#path, text);
  }

  get #path(): string {
    return `${this.#directory}/proxy.yml`;
  }

  #launch(rights: "may carry addresses" | "none"): void {
    this.#child = launch({
      host: this.host,
      command: denoCommand("main.ts", "proxy", this.#path),
      env: {
        HOME: this.#directory,
        DENO_DIR: `${this.#bench.directory}/deno`,
        TMPDIR: `${this.#bench.directory}/tmp`,
      },
      log: `${this.#directory}/proxy.log`,
      mayCarryAddresses: rights !== "none",
    });
  }

  /** Sends its process a signal. */
  signal(signal: Deno.Signal): void {
    const pid = this.#child?.pid;
    if (pid === undefined || !isAlive(pid) || !signalTo(pid, signal)) {
      throw new Error(`There is no proxy on ${this.host.name}`);
    }
  }

  /** Waits for its end. */
  async ended(): Promise<void> {
    await this.#child?.status;
  }

  /** What it wrote so far. */
  log(): string {
    try {
      return Deno.readTextFileSync(`${this.#directory}/proxy.log`);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    }
  }
}
