/** The servers of a host that is set up, on a real one: found, asked, stopped. */
import assert from "node:assert/strict";
import { HostServers } from "../../lib/adapters/setup/servers.ts";
import {
  decodeServerFacts,
  FACTS_SQL,
  settingOf,
} from "../../lib/setup/adopt/server_facts.ts";
import { rolesSql } from "../../lib/setup/adopt/roles.ts";
import { freePorts } from "../helpers/free_ports.ts";
import { endAllWith } from "../helpers/own_processes.ts";
import { BIN_DIR } from "../helpers/postgres.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

async function done(program: string, args: readonly string[]): Promise<void> {
  const { code } = await new Deno.Command(`${BIN_DIR}/${program}`, {
    args: [...args],
    ...{ stdin: "null", stdout: "null", stderr: "null" },
  }).output();
  assert.equal(code, 0, `${program} ${args.join(" ")}`);
}

async function onServer(): Promise<void> {
  const root = await Deno.realPath(
    await Deno.makeTempDir({ prefix: "matriarch-servers-" }),
  );
  const data = `${root}/data`;
  const [port = 0] = freePorts(1);
  const servers = new HostServers();
  const own = async () =>
    (await servers.running()).filter(({ dataDir }) => dataDir === data);
  try {
    await done("initdb", ["-D", data, "--no-sync", "--auth=trust"]);
    assert.deepEqual(await own(), []);
    await done("pg_ctl", [
      ...["start", "-w", "-D", data, "-l", `${root}/log`, "-o"],
      `-p ${port} -k ${root} -c listen_addresses= -c log_statement=all`,
    ]);
    const [server, ...others] = await own();
    assert.ok(server !== undefined && others.length === 0);
    const { unit, binDir, socketDir, isFolderOwn } = server;
    assert.deepEqual({ unit, binDir, socketDir, isFolderOwn }, {
      ...{ unit: null, binDir: BIN_DIR, socketDir: root, isFolderOwn: true },
    });
    assert.equal(server.port, port);
    const read = async () => {
      const facts = decodeServerFacts(await servers.query(server, FACTS_SQL));
      assert.ok(facts !== null && facts.isSuperuser && !facts.isStandby);
      return facts;
    };
    const facts = await read();
    assert.equal(settingOf(facts, "config_file"), `${data}/postgresql.conf`);
    assert.match(facts.hba, /^local\s+all\s+all\s+trust$/m);
    const login = (username: string) => ({ username, password: "s-e_c" });
    const roles = {
      superuser: login("matriarch"),
      replication: login("matriarch_replicator"),
    };
    // Twice, as after a pulled plug.
    for (const _ of [1, 2]) await servers.query(server, rolesSql(roles));
    const after = await read();
    assert.deepEqual(
      after.roles.filter((name) => !facts.roles.includes(name)).toSorted(),
      ["matriarch", "matriarch_replicator"],
    );
    const log = await Deno.readTextFile(`${root}/log`);
    assert.match(log, /statement: SELECT json_build_object/);
    assert.doesNotMatch(log, /s-e_c|SCRAM/);
    await assert.rejects(
      servers.query(server, "SELECT no_such_column;"),
      /column "no_such_column" does not exist/,
    );
    // The number of another process.
    await servers.stop({ ...server, pid: Deno.pid });
    assert.equal((await own()).length, 1);
    await servers.stop(server);
    assert.deepEqual(await own(), []);
    await servers.stop(server);
    await assert.rejects(servers.query(server, "SELECT 1;"), /connection to/);
  } finally {
    await endAllWith(root);
    await Deno.remove(root, { recursive: true });
  }
}

unprivileged(import.meta.url, () => {
  Deno.test("a server is found, asked and stopped as its own user", onServer);
});
