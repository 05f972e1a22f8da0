/**
 * Goal: the unit that `join --witness` writes does what docs/witness.md says,
 * under a real systemd: etcd outlives the proxy, and the next proxy adopts it.
 *
 * Method: the unit's very text, for a witness whose etcd is a cluster of its own.
 */
import assert from "node:assert/strict";
import { stringify } from "yaml";
import { writeOrder } from "../../lib/adapters/etcd_member/order_file.ts";
import { witnessUnitText } from "../../lib/setup/unit.ts";
import { etcdFolder, managedEtcdSkipReason } from "../helpers/etcd_members.ts";
import { freePorts } from "../helpers/free_ports.ts";
import { matriarch } from "../helpers/program.ts";
import { noSystemd, Systemd } from "../helpers/systemd.ts";
import { untilIt } from "../helpers/wait.ts";

const UNIT = "matriarch.service";
const LIMIT_MS = 60_000;

const why = noSystemd() ?? managedEtcdSkipReason();
if (why !== null && Deno.env.get("CI") !== undefined) throw new Error(why);
if (why !== null) console.log(`The unit is not tried: ${why}`);

/** The unit, the program and the configuration in a folder; tells etcd's URL. */
async function prepare(folder: string): Promise<string> {
  const ports = freePorts(5).map(String);
  const [client = "", peer = "", primary = "", replica = "", stats = ""] =
    ports;
  const at = (port: string) => `http://127.0.0.1:${port}`;
  const dataDir = `${folder}/etcd`;
  const command = matriarch().map((word) => `'${word}'`).join(" ");
  await Deno.writeTextFile(
    `${folder}/matriarch`,
    `#!/bin/sh\nexport HOME=${folder} DENO_DIR=${folder}/deno\n` +
      `exec ${command} "$@"\n`,
    { mode: 0o755 },
  );
  const programs = etcdFolder();
  await Deno.writeTextFile(
    `${folder}/w.yml`,
    stringify({
      ...{ scope: "demo", name: "w" },
      etcd3: {
        ...{ managed: true, data_dir: dataDir },
        connect_address: `127.0.0.1:${client}`,
        peer_connect_address: `127.0.0.1:${peer}`,
        ...(programs === null ? {} : { etcd_bin: programs }),
      },
      proxy: {
        listen: "127.0.0.1",
        primary_port: Number(primary),
        replica_port: Number(replica),
        stats_port: Number(stats),
      },
    }),
  );
  const members = [{ name: "w", peerUrl: at(peer), clientUrl: at(client) }];
  await writeOrder(dataDir, { kind: "found", members });
  const text = witnessUnitText({
    ...{ program: `${folder}/matriarch`, configPath: `${folder}/w.yml` },
    user: "postgres",
  }).replace(
    "[Service]",
    `[Service]\nStandardOutput=append:${folder}/log\n` +
      "StandardError=inherit\nPrivateTmp=no",
  ).replace("[Unit]", "[Unit]\nDefaultDependencies=no");
  await Deno.mkdir(`${folder}/units`);
  await Deno.writeTextFile(`${folder}/units/${UNIT}`, text);
  const idle = "[Unit]\nDescription=Nothing yet\n";
  await Deno.writeTextFile(`${folder}/units/test.target`, idle);
  const { code } = await new Deno.Command("chown", {
    args: ["-R", "postgres", folder],
  }).output();
  assert.equal(code, 0);
  return at(client);
}

async function outlives(folder: string): Promise<void> {
  const url = await prepare(folder);
  const log = (): string => Deno.readTextFileSync(`${folder}/log`);
  const report = () => Promise.resolve(log());
  const patience = { limitMs: LIMIT_MS, report };
  const isServing = async (): Promise<boolean> => {
    const answer = await fetch(`${url}/health`, {
      signal: AbortSignal.timeout(5_000),
    });
    return (await answer.text()).includes('"true"');
  };
  const told = (): readonly string[] =>
    log().match(/etcd runs on this host as process \d+/g) ?? [];
  await using systemd = await Systemd.boot(folder);
  await systemd.must("start", UNIT);
  await untilIt("etcd serves", isServing, patience);
  // Process ids are those of the namespace that systemd is in.
  const pid = (await Deno.readTextFile(`${folder}/etcd/etcd.pid`))
    .split(" ")[0];
  const found = `etcd runs on this host as process ${pid}`;
  const main = await systemd.property(UNIT, "MainPID");
  await systemd.must("reload", UNIT);
  assert.equal(await systemd.property(UNIT, "MainPID"), main);

  await systemd.must("stop", UNIT);
  assert.equal(await systemd.property(UNIT, "Result"), "success", log());
  assert.ok(await isServing(), log());

  await systemd.must("start", UNIT);
  await untilIt("the next proxy has found it", () => {
    return Promise.resolve(told().length === 1);
  }, patience);
  // A proxy that is killed comes back by itself, and so does the vote's keeper.
  await systemd.must("kill", "-s", "KILL", "--kill-whom=main", UNIT);
  await untilIt("another one keeps it", () => {
    return Promise.resolve(told().length === 2);
  }, patience);
  assert.deepEqual(told(), [found, found]);
  assert.ok(await isServing(), log());
}

Deno.test({
  name: "the unit of a witness under a real systemd",
  ignore: why !== null,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "matriarch-witness-" });
    await Deno.chmod(folder, 0o755);
    try {
      await outlives(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
