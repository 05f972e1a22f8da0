/**
 * What the other hosts of a network know of a virtual address, for both families:
 * they hear of a move without asking, and an address that a stranger has is left
 * alone. Real kernels, in network namespaces.
 */
import assert from "node:assert/strict";
import { untilIt } from "../helpers/wait.ts";
import { faultSkipReason, faultTest } from "./bench/bench.ts";
import { denoCommand } from "./bench/deno.ts";
import { type Host, Network } from "./bench/network.ts";
import { shell, tryShell } from "./bench/shell.ts";

const LIMIT = { limitMs: 30_000 };

/** A process that carries an address, as the agent would. */
class Driver implements AsyncDisposable {
  output = "";
  readonly #child: Deno.ChildProcess;
  readonly #read: Promise<void>;

  constructor(host: Host, address: string) {
    const program = "tests/fault/bench/vip_driver.ts";
    this.#child = new Deno.Command("ip", {
      args: [
        ...["netns", "exec", host.namespace],
        ...denoCommand(program, address, "eth0"),
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

async function hardwareOf({ namespace }: Host): Promise<string> {
  const text = await shell(["ip", "-n", namespace, "link", "show", "eth0"]);
  return /link\/ether (\S+)/.exec(text)?.[1] ?? "none";
}

/** What a host believes of an address. */
async function neighbour(
  { namespace }: Host,
  address: string,
): Promise<string | null> {
  const { output } = await tryShell([
    ...["ip", "-n", namespace, "neighbour", "show", address],
  ]);
  return /lladdr (\S+)/.exec(output)?.[1] ?? null;
}

/** Whether a host refuses a connection there: nobody listens, but it is there. */
async function answers({ namespace }: Host, address: string): Promise<boolean> {
  const inside = ["ip", "netns", "exec", namespace, "timeout", "2"];
  const { error } = await tryShell([
    ...[...inside, "bash", "-c", `: </dev/tcp/${address}/9`],
  ]);
  return /refused/.test(error);
}

/** A network of hosts with an address of each family. */
async function hostsOf(
  network: Network,
  names: readonly string[],
): Promise<readonly Host[]> {
  const hosts: Host[] = [];
  for (const [at, name] of names.entries()) {
    const host = await network.addHost(name, 61 + at);
    const six = `fd77::${61 + at}/64`;
    await shell([
      ...["ip", "-n", host.namespace, "address", "add", six],
      ...["dev", "eth0", "nodad"],
    ]);
    hosts.push(host);
  }
  return hosts;
}

const REASON = faultSkipReason(["ip", "nft", "arping"]);

for (const family of ["IPv4", "IPv6"] as const) {
  faultTest(
    `fault: neighbours hear of a move of an address (${family})`,
    async () => {
      await using network = await Network.create();
      const [first, second, client, stranger] = await hostsOf(
        network,
        ["h1", "h2", "c1", "x1"],
      );
      assert.ok(first && second && client && stranger);
      const [address, bits] = family === "IPv4"
        ? [network.addressOf(120), 24]
        : ["fd77::120", 64];
      const place = `${address}/${bits}`;
      {
        await using driver = new Driver(first, place);
        await driver.until(/is bound on eth0/);
        await untilIt("it answers", () => answers(client, address), LIMIT);
        assert.equal(await neighbour(client, address), await hardwareOf(first));
      }
      {
        await using driver = new Driver(second, place);
        await driver.until(/is bound on eth0/);
        const there = await hardwareOf(second);
        // Nobody asks for it meanwhile: the client is told.
        await untilIt(
          "the client knows the new place",
          async () => await neighbour(client, address) === there,
          LIMIT,
        );
        await untilIt("it answers", () => answers(client, address), LIMIT);
      }
      await shell([
        ...["ip", "-n", stranger.namespace, "address", "add", place],
        ...["dev", "eth0", ...(family === "IPv6" ? ["nodad"] : [])],
      ]);
      await using driver = new Driver(first, place);
      await driver.until(/is not bound: the host with .* answers for it/);
      assert.match(driver.output, new RegExp(await hardwareOf(stranger)));
      await shell([
        ...["ip", "-n", stranger.namespace, "address", "delete", place],
        ...["dev", "eth0"],
      ]);
      await driver.until(/is bound on eth0/);
    },
    REASON,
  );
}
