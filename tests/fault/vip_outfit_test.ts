/**
 * What goes with a virtual address on a real kernel: label, routes and rules come
 * and go with it, what a killed process left is taken away by the next one, and
 * the operator's program is told of each move.
 */
import assert from "node:assert/strict";
import { untilIt } from "../helpers/wait.ts";
import { faultSkipReason, faultTest } from "./bench/bench.ts";
import { Driver } from "./bench/driver.ts";
import { Network } from "./bench/network.ts";
import { tryShell } from "./bench/shell.ts";

const NAME = "fault: what goes with a VIP comes and goes with it";

faultTest(
  NAME,
  async () => {
    await using network = await Network.create();
    const host = await network.addHost("h1", 71);
    const address = network.addressOf(120);
    const gateway = network.addressOf(1);
    const folder = await Deno.makeTempDir({ prefix: "matriarch-outfit-" });
    const moved = `${folder}/moved`;
    await Deno.writeTextFile(moved, `#!/bin/sh\necho "$*" >> ${folder}/log\n`, {
      mode: 0o755,
    });
    const extras = JSON.stringify({
      label: "eth0:rw",
      routes: [["default", "via", gateway, "table", "77", "onlink"]],
      rules: [["from", address, "table", "77"]],
      onMove: { words: [moved, "x"], timeoutMs: 5_000 },
    });
    const ip = async (...words: readonly string[]): Promise<string> =>
      (await tryShell(["ip", "-n", host.namespace, ...words])).output;
    const look = async () => ({
      address: (await ip("address", "show", "dev", "eth0")).includes(
        `inet ${address}/24`,
      ),
      label: (await ip("address", "show", "label", "eth0:rw")).includes(
        address,
      ),
      route: (await ip("route", "show", "table", "77")).includes(gateway),
      rules: (await ip("rule", "show")).split("\n")
        .filter((line) => line.includes(`from ${address} `)).length,
    });
    const untilSeen = async (
      wanted: Partial<Awaited<ReturnType<typeof look>>>,
    ): Promise<void> => {
      const report = async () => JSON.stringify(await look());
      await untilIt(`the host has ${JSON.stringify(wanted)}`, async () => {
        const seen = { ...await look(), ...wanted };
        return JSON.stringify(seen) === JSON.stringify(await look());
      }, { limitMs: 30_000, report });
    };
    const ON = { address: true, label: true, route: true, rules: 1 };
    const OFF = { address: false, label: false, route: false, rules: 0 };
    try {
      {
        await using driver = new Driver(host, `${address}/24`, extras);
        await driver.until(/is bound/);
        await untilSeen(ON);
      }
      await untilSeen(OFF);
      const killed = new Driver(host, `${address}/24`, extras);
      await killed.until(/is bound/);
      await untilSeen(ON);
      await killed.kill();
      await killed[Symbol.asyncDispose]();
      // The kernel takes the address away in time, and leaves the rule.
      await untilSeen({ ...OFF, route: true, rules: 1 });
      {
        await using _next = new Driver(host, `${address}/24`, extras, "leave");
        await untilSeen(OFF);
      }
      {
        await using _again = new Driver(host, `${address}/24`, extras);
        await untilSeen(ON);
      }
      await untilSeen(OFF);
      const log = await Deno.readTextFile(`${folder}/log`);
      const line = (what: string) => `x ${what} ${address} eth0 proxy`;
      assert.deepEqual(log.trim().split("\n"), [
        ...[line("bound"), line("released"), line("bound")],
        ...[line("bound"), line("released")],
      ]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
  faultSkipReason(["ip", "nft", "arping"]),
);
