/**
 * Goal: a stand-alone server with clients becomes the first member of a scope as
 * docs/migration.md says, with one restart, and keeps its rows, its settings and
 * its rules of access; a second member then joins it.
 *
 * Method: a real server that a client writes to, `--generate-config`, what that
 * cannot know filled in, the server stopped, the agent started.
 */
import assert from "node:assert/strict";
import { parse } from "yaml";
import {
  AgentMember,
  connectTo,
  memberConfig,
  type MemberPlace,
  PASSWORDS,
  runSql,
  type Section,
} from "../helpers/agent_member.ts";
import { freePorts } from "../helpers/free_ports.ts";
import { endAllWith } from "../helpers/own_processes.ts";
import { BIN_DIR } from "../helpers/postgres.ts";
import { matriarchCommand } from "../helpers/program.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { untilIt } from "../helpers/wait.ts";

const LIMIT = { limitMs: 60_000 };
const PAUSE_MS = 20;

const HBA = `local all all trust
host all postgres 127.0.0.1/32 scram-sha-256
host app app 127.0.0.1/32 scram-sha-256
`;

/** The server as its operator made it. */
async function startServer(
  { directory, postgresPort }: MemberPlace,
): Promise<void> {
  const data = `${directory}/data`;
  await Deno.mkdir(directory, { recursive: true });
  await Deno.writeTextFile(`${directory}/password`, PASSWORDS.postgres);
  await done("initdb", [
    ...["-D", data, "-U", "postgres", "--no-sync", "--auth=scram-sha-256"],
    `--pwfile=${directory}/password`,
  ]);
  await Deno.writeTextFile(
    `${data}/postgresql.conf`,
    `listen_addresses = '127.0.0.1'\nport = ${postgresPort}\n` +
      `unix_socket_directories = '${directory}'\nfsync = off\n` +
      "work_mem = 7MB\nmax_connections = 37\nshared_buffers = 16MB\n" +
      "password_encryption = scram-sha-256\n",
  );
  await Deno.writeTextFile(`${data}/pg_hba.conf`, HBA);
  await done("pg_ctl", [
    ...["start", "-w", "-D", data, "-l", `${directory}/server.log`],
  ]);
}

async function done(program: string, args: readonly string[]): Promise<void> {
  const { code } = await new Deno.Command(`${BIN_DIR}/${program}`, {
    args: [...args],
    ...{ stdin: "null", stdout: "null", stderr: "null" },
  }).output();
  assert.equal(code, 0, `${program} ${args.join(" ")}`);
}

/** Writes one row after the other, whatever happens to the server. */
class Writer implements AsyncDisposable {
  readonly acknowledged: number[] = [];
  readonly #port: number;
  readonly #ended: Promise<void>;
  #isStopped = false;

  constructor(port: number) {
    this.#port = port;
    this.#ended = this.#run();
  }

  async untilMore(rows: number): Promise<void> {
    const wanted = this.acknowledged.length + rows;
    const isEnough = () => Promise.resolve(this.acknowledged.length >= wanted);
    await untilIt(`${rows} more rows`, isEnough, LIMIT);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    for (let id = 1; !this.#isStopped; id++) {
      try {
        await runSql(this.#port, `INSERT INTO kept VALUES (${id})`);
        this.acknowledged.push(id);
      } catch {
        // It is away.
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

function sectionOf(value: unknown): Section {
  return Object(value);
}

/** What `--generate-config` writes, with what it cannot know. */
async function generated(
  place: MemberPlace,
  store: Section,
): Promise<Section> {
  const { directory, postgresPort, restPort } = place;
  const file = `${directory}/generated.yml`;
  const dsn = `host=127.0.0.1 port=${postgresPort} user=postgres ` +
    `password='${PASSWORDS.postgres}' dbname=postgres`;
  const { code, stderr } = await matriarchCommand(
    ["--generate-config", file, `--dsn=${dsn}`],
    { stdin: "null", stdout: "piped", stderr: "piped" },
  ).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const document = sectionOf(parse(await Deno.readTextFile(file)));
  const server = sectionOf(document["postgresql"]);
  const rest = `127.0.0.1:${restPort}`;
  const { replication } = sectionOf(
    sectionOf(memberConfig(place)["postgresql"])["authentication"],
  );
  const { pg_hba: rules, authentication } = server;
  assert.ok(Array.isArray(rules));
  return {
    ...document,
    ...{ scope: "batman", name: place.name, ...store, proxy: false },
    restapi: { listen: rest, connect_address: rest },
    postgresql: {
      ...server,
      connect_address: `127.0.0.1:${postgresPort}`,
      pgpass: `${directory}/pgpass`,
      authentication: { ...sectionOf(authentication), replication },
      pg_hba: [
        ...rules,
        "host replication replicator 127.0.0.1/32 scram-sha-256",
      ],
      parameters: {
        ...sectionOf(server["parameters"]),
        unix_socket_directories: directory,
      },
    },
  };
}

async function becomesMember(): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "matriarch-alone-" });
  const [port1, rest1, port2, rest2] = freePorts(4);
  const placeOf = (name: string, postgresPort = 0, restPort = 0) => ({
    ...{ name, directory: `${root}/${name}`, postgresPort, restPort },
    proxyPorts: null,
  });
  const place = placeOf("db1", port1, rest1);
  const store = { sqlite: { path: `${root}/dcs.db` } };
  try {
    await startServer(place);
    const sql = (text: string) => runSql(place.postgresPort, text);
    const password = PASSWORDS.replicator.replaceAll("'", "''");
    await sql(
      `CREATE ROLE replicator REPLICATION LOGIN PASSWORD '${password}'`,
    );
    await sql("CREATE ROLE app LOGIN PASSWORD 'app'");
    await sql("CREATE DATABASE app");
    await sql("CREATE TABLE kept (id int)");
    const [identity] = await sql(
      "SELECT system_identifier::text FROM pg_control_system()",
    );
    await using writer = new Writer(place.postgresPort);
    await writer.untilMore(10);

    const member = new AgentMember(place, await generated(place, store));
    await done("pg_ctl", [
      ...["stop", "-w", "-m", "fast", "-D", `${place.directory}/data`],
    ]);
    member.start();
    await untilIt("it leads", async () => {
      const status = await member.status();
      return status?.["role"] === "primary" && status["state"] === "running";
    }, { ...LIMIT, report: () => Promise.resolve(member.logEnd()) });
    await writer.untilMore(10);

    const [now] = await sql(
      "SELECT system_identifier::text, current_setting('work_mem') AS mem, " +
        "current_setting('max_connections') AS many FROM pg_control_system()",
    );
    assert.deepEqual({ ...now }, { ...identity, mem: "7MB", many: "37" });
    const app = connectTo(place.postgresPort, {
      ...{ username: "app", password: "app", database: "app" },
    });
    assert.equal((await app`SELECT 1 AS one`)[0]?.["one"], 1);
    await app.end({ timeout: 1 });
    const starts = (await Deno.readTextFile(`${place.directory}/server.log`))
      .match(/database system is ready to accept connections/g) ?? [];
    assert.equal(starts.length, 1);

    const second = placeOf("db2", port2, rest2);
    const replica = new AgentMember(second, {
      ...memberConfig(second),
      ...{ bootstrap: {}, ...store },
    });
    replica.start();
    await untilIt("the second one streams", async () => {
      const status = await replica.status();
      return status?.["role"] === "replica" &&
        status["replication_state"] === "streaming";
    }, { ...LIMIT, report: () => Promise.resolve(replica.logEnd()) });
    const wanted = [...writer.acknowledged];
    await untilIt("all rows are on both", async () => {
      for (const { postgresPort } of [place, second]) {
        const rows = await runSql(postgresPort, "SELECT id FROM kept");
        const there = new Set(rows.map(({ id }) => id));
        if (!wanted.every((id) => there.has(id))) return false;
      }
      return true;
    }, LIMIT);
    await replica.end();
    await member.end();
  } finally {
    await endAllWith(root);
    await Deno.remove(root, { recursive: true });
  }
}

unprivileged(import.meta.url, () => {
  Deno.test(
    "a stand-alone server becomes the first member, and keeps what it has",
    becomesMember,
  );
});
