/**
 * Goal: the unit of a stand-alone proxy in docs/clients.md does what that page
 * says, under a real systemd: a reload and an upgrade cut nobody.
 *
 * Method: the unit as it is printed, with the paths of a test.
 */
import assert from "node:assert/strict";
import { matriarch } from "../helpers/program.ts";
import { noSystemd, Systemd } from "../helpers/systemd.ts";
import { echoBackend, TestClient, until } from "../helpers/tcp.ts";
import { freePort } from "../helpers/free_ports.ts";
import { isOpen, ProxyHost } from "./proxy_host.ts";

const CLIENTS = new URL("../../docs/clients.md", import.meta.url);
const UNIT = "matriarch-proxy.service";
const START_MS = 60_000;

const why = noSystemd();
if (why !== null && Deno.env.get("CI") !== undefined) throw new Error(why);
if (why !== null) console.log(`The unit is not tried: ${why}`);

/** The unit as printed, for a proxy under test; its program can be replaced. */
async function writeUnit(host: ProxyHost): Promise<void> {
  const text = await Deno.readTextFile(CLIENTS);
  const printed = /```ini\n(\[Unit\][\s\S]*?)```/.exec(text)?.[1] ??
    assert.fail("docs/clients.md has no unit");
  const { folder } = host;
  const command = matriarch().map((word) => `'${word}'`).join(" ");
  const program = `${folder}/matriarch`;
  await Deno.writeTextFile(
    program,
    `#!/bin/sh\nexport HOME=${folder} DENO_DIR=${folder}/deno\n` +
      `exec ${command} "$@"\n`,
    { mode: 0o755 },
  );
  const unit = printed
    .replaceAll("/usr/local/bin/matriarch", program)
    .replaceAll("/etc/matriarch/proxy.yml", host.config)
    .replace("User=matriarch", "User=postgres")
    .replace(
      "[Service]",
      `[Service]\nStandardOutput=append:${folder}/log\n` +
        "StandardError=inherit\nPrivateTmp=no",
    )
    .replace("[Unit]", "[Unit]\nDefaultDependencies=no");
  await Deno.mkdir(`${folder}/units`);
  await Deno.writeTextFile(`${folder}/units/${UNIT}`, unit);
  await Deno.writeTextFile(
    `${folder}/units/test.target`,
    "[Unit]\nDescription=Nothing yet\n",
  );
  const { code } = await new Deno.Command("chown", {
    args: ["-R", "postgres", folder],
  }).output();
  assert.equal(code, 0);
}

Deno.test({
  name: "the unit of a proxy under a real systemd",
  ignore: why !== null,
  fn: async () => {
    await using backend = echoBackend("one");
    await using host = new ProxyHost();
    await host.keys.primary("n1", backend.port);
    await host.keys.lead("n1");
    await writeUnit(host);
    const log = (): string => Deno.readTextFileSync(`${host.folder}/log`);
    await using systemd = await Systemd.boot(host.folder);
    // Returns once the proxy has said that it serves.
    await systemd.must("start", UNIT);
    const first = await TestClient.connect(host.port);
    await first.untilText("one\n");
    const main = await systemd.property(UNIT, "MainPID");

    const added = freePort();
    host.configure({ ports: [{ port: added, to: "any" }] });
    await systemd.must("reload", UNIT);
    await until("the reload is in force", () => isOpen(added), log);
    assert.equal(await systemd.property(UNIT, "MainPID"), main);

    await systemd.must("kill", "-s", "USR2", "--kill-whom=main", UNIT);
    const deadline = performance.now() + START_MS;
    while (await systemd.property(UNIT, "MainPID") === main) {
      assert.ok(performance.now() < deadline, log());
    }
    await first.send("still here");
    await first.untilText("still here");
    await using second = await TestClient.connect(host.port);
    await second.untilText("one\n");
    await first[Symbol.asyncDispose]();
    await until(
      "the old process ends",
      async () =>
        await systemd.property(UNIT, "TasksCurrent") !== "" &&
        (await host.stats()).predecessor === null,
      log,
    );
    assert.equal(await systemd.property(UNIT, "ActiveState"), "active");
    assert.equal(await systemd.property(UNIT, "NRestarts"), "0");
    await second.send("and here");
    await second.untilText("and here");
    await systemd.must("stop", UNIT);
    await second.untilEnd();
    assert.equal(await systemd.property(UNIT, "Result"), "success", log());
  },
});
