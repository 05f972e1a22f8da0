/** A stand-alone proxy on a host of its own, as people run two of them with keepalived. */
import { stringify } from "yaml";
import type { Section } from "../../helpers/agent_member.ts";
import { isAlive, signalTo } from "../../helpers/own_processes.ts";
import type { FaultBench } from "./bench.ts";
import { denoCommand } from "./deno.ts";
import { launch, USER } from "./launch.ts";
import { PORTS } from "./member.ts";
import type { Host } from "./network.ts";
import { shell } from "./shell.ts";

/** One proxy process after the other. */
export class BenchProxy {
  readonly host: Host;
  readonly #bench: FaultBench;
  readonly #directory: string;
  #child: Deno.ChildProcess | null = null;

  private constructor(bench: FaultBench, host: Host) {
    this.#bench = bench;
    this.host = host;
    this.#directory = `${bench.directory}/${host.name}`;
  }

  /** Adds a host for it to the bench's network. */
  static async on(
    bench: FaultBench,
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
    const path = `${this.#directory}/proxy.yml`;
    const config = {
      scope: "batman",
      name: this.host.name,
      etcd3: {
        hosts: this.#bench.etcd.map(({ address }) => `${address}:2379`),
      },
      proxy: {
        listen: "*",
        primary_port: PORTS.primary,
        replica_port: PORTS.replica,
        stats_port: PORTS.stats,
      },
      vip,
    };
    Deno.writeTextFileSync(path, stringify(config));
    this.#child = launch({
      host: this.host,
      command: denoCommand("main.ts", "proxy", path),
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
