/**
 * A server that a unit keeps, under a real systemd: `init --adopt` finds the unit,
 * ends the server by it, and the unit does not start it again.
 */
import assert from "node:assert/strict";
import { denoCommand } from "../fault/bench/deno.ts";
import { shell } from "../fault/bench/shell.ts";
import { BIN_DIR } from "../helpers/postgres.ts";
import { freePorts } from "../helpers/free_ports.ts";
import { noSystemd, Systemd } from "../helpers/systemd.ts";

const UNIT = "postgresql@15-main.service";
const USER = "postgres";

const why = noSystemd();
if (why !== null && Deno.env.get("CI") !== undefined) throw new Error(why);
if (why !== null) console.log(`The unit is not tried: ${why}`);

async function prepare(folder: string): Promise<void> {
  const [port = 0] = freePorts(1);
  await Deno.mkdir(`${folder}/units`);
  const target = "[Unit]\nDescription=Nothing yet\n";
  await Deno.writeTextFile(`${folder}/units/test.target`, target);
  await Deno.writeTextFile(
    `${folder}/units/${UNIT}`,
    `[Unit]
DefaultDependencies=no
[Service]
Type=notify
User=${USER}
PrivateTmp=no
KillMode=mixed
KillSignal=SIGINT
ExecStart=${BIN_DIR}/postgres -D ${folder}/data -p ${port} -k ${folder} -c listen_addresses=
[Install]
WantedBy=test.target
`,
  );
  await shell(["chown", USER, folder]);
  await shell([
    ...["runuser", "-u", USER, "--", `${BIN_DIR}/initdb`, "--no-sync"],
    ...["-D", `${folder}/data`, "--auth=trust"],
  ]);
}

async function ends(folder: string): Promise<void> {
  await prepare(folder);
  await using systemd = await Systemd.boot(folder);
  const inside = async (...words: readonly string[]): Promise<string> => {
    const { code, text } = await systemd.inside(words);
    assert.equal(code, 0, `${words.join(" ")}: ${text}`);
    return text;
  };
  // What enables and disables writes there, wherever units are looked for.
  const etc = "/etc/systemd/system";
  await inside("mount", "--bind", `${folder}/units`, etc);
  await systemd.must("enable", "--now", UNIT);
  assert.equal(await systemd.property(UNIT, "ActiveState"), "active");
  const program = denoCommand("tests/integration/adopt_unit_main.ts");
  const found = async (...words: readonly string[]) => {
    const all = JSON.parse(await inside(...program, ...words));
    return all.filter((each: { readonly dataDir: string }) =>
      each.dataDir === `${folder}/data`
    );
  };
  const [server] = await found("stop");
  assert.deepEqual([server?.unit, server?.user], [UNIT, USER]);
  assert.deepEqual(await found(), []);
  assert.equal(await systemd.property(UNIT, "ActiveState"), "inactive");
  assert.equal(await systemd.property(UNIT, "UnitFileState"), "disabled");
}

Deno.test({
  name: "a server is stopped by the unit that keeps it, for good",
  ignore: why !== null,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "matriarch-adopt-" });
    await Deno.chmod(folder, 0o755);
    try {
      await ends(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
