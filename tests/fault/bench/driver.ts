/** A process in a network namespace that carries an address, as the agent would. */
import { untilIt } from "../../helpers/wait.ts";
import { denoCommand } from "./deno.ts";
import type { Host } from "./network.ts";
import { shell } from "./shell.ts";

const LIMIT = { limitMs: 30_000 };

/** A process that carries an address, as the agent would. */
export class Driver implements AsyncDisposable {
  output = "";
  readonly #namespace: string;
  readonly #child: Deno.ChildProcess;
  readonly #read: Promise<void>;

  constructor(host: Host, address: string, ...more: readonly string[]) {
    this.#namespace = host.namespace;
    const program = "tests/fault/bench/vip_driver.ts";
    this.#child = new Deno.Command("ip", {
      args: [
        ...["netns", "exec", host.namespace],
        ...denoCommand(program, address, "eth0", ...more),
      ],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    this.#read = this.#collect();
  }

  async until(what: RegExp): Promise<void> {
    const report = () => Promise.resolve(this.output);
    await untilIt(
      `the driver says ${what}`,
      () => Promise.resolve(what.test(this.output)),
      { ...LIMIT, report },
    );
  }

  /** Without a chance to take anything away. */
  async kill(): Promise<void> {
    const pids = await shell(["ip", "netns", "pids", this.#namespace]);
    for (const pid of pids.split("\n").filter((one) => one !== "")) {
      Deno.kill(Number(pid), "SIGKILL");
    }
    await this.#child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGTERM");
    } catch {
      // It has ended.
    }
    await this.#child.status;
    await this.#read;
  }

  async #collect(): Promise<void> {
    const text = this.#child.stdout.pipeThrough(new TextDecoderStream());
    for await (const chunk of text) this.output += chunk;
  }
}
