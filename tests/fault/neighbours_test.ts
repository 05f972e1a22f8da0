/**
 * What the other hosts of a network know of a virtual address, for both families:
 * they hear of a move without asking, and an address that a stranger has is left
 * alone. Real kernels, in network namespaces.
 */
import assert from "node:assert/strict";
import { untilIt } from "../helpers/wait.ts";
import { faultSkipReason, faultTest } from "./bench/bench.ts";
import { denoCommand } from "./bench/deno.ts";
import { Driver } from "./bench/driver.ts";
import { type Host, Network } from "./bench/network.ts";
import { shell, tryShell } from "./bench/shell.ts";

const LIMIT = { limitMs: 30_000 };

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

faultTest(
  "fault: neighbours hear of an IPv6 address that the callback has moved",
  async () => {
    await using network = await Network.create();
    const [first, second, client] = await hostsOf(network, ["h1", "h2", "c1"]);
    assert.ok(first && second && client);
    const address = "fd77::121";
    const callback = (host: Host, action: string, role: string) =>
      tryShell([
        ...["ip", "netns", "exec", host.namespace],
        ...denoCommand("main.ts", "vip", "--address", `${address}/64`),
        ...["--interface", "eth0", action, role, "demo"],
      ]);
    const bound = await callback(first, "on_role_change", "primary");
    assert.match(bound.output, /is on eth0/, bound.error);
    await untilIt("it answers", () => answers(client, address), LIMIT);
    assert.equal(await neighbour(client, address), await hardwareOf(first));
    const owned = await callback(second, "on_role_change", "primary");
    assert.match(owned.error, /is not bound: the host with .* answers for it/);
    await callback(first, "on_stop", "replica");
    await callback(second, "on_role_change", "primary");
    // Nobody asks for it meanwhile: the client is told.
    const there = await hardwareOf(second);
    await untilIt(
      "the client knows the new place",
      async () => await neighbour(client, address) === there,
      LIMIT,
    );
  },
  REASON,
);
