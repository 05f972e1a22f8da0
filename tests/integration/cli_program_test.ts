/**
 * Goal: the command line and the daemon's tools as users start them, on a real
 * etcd and a real PostgreSQL. Method: the keys of a small cluster are written by
 * hand, the member's REST API is a stub, and every program runs as a process.
 */
import assert from "node:assert/strict";
import { DcsEtcd } from "../../lib/adapters/etcd/dcs_etcd.ts";
import type { Dcs } from "../../lib/ports/dcs.ts";
import { EtcdServers, etcdSkipReason } from "../helpers/etcd.ts";
import { BIN_DIR, REAL_CLOCK } from "../helpers/postgres.ts";
import { matriarchCommand } from "../helpers/program.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { freePort } from "../helpers/free_ports.ts";

const LIMITS = { timeoutMs: 5_000 };

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs this program under another name. */
async function run(
  name: "patronictl" | "patroni" | "matriarch",
  args: readonly string[],
  input = "",
): Promise<Outcome> {
  const child = matriarchCommand(args, {
    env: {
      MATRIARCH_AS: name,
      PATH: `${BIN_DIR}:${Deno.env.get("PATH")}`,
      PGUSER: "",
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  // A program that asks nothing may end before it was written to.
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** A server of its own, on a free port. */
class Server implements AsyncDisposable {
  readonly port = freePort();
  readonly folder = Deno.makeTempDirSync({ prefix: "matriarch-cli-" });
  readonly data = `${this.folder}/data`;

  static async start(): Promise<Server> {
    const server = new Server();
    await server.#program(
      "initdb",
      "-D",
      server.data,
      "-A",
      "trust",
      "-N",
      "-U",
      "postgres",
    );
    await server.#program(
      "pg_ctl",
      ...["-D", server.data, "-w", "-l", `${server.folder}/log`, "-o"],
      `-p ${server.port} -h 127.0.0.1 -k ${server.folder} ` +
        "-c fsync=off -c shared_buffers=16MB -c cluster_name=demo",
      "start",
    );
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program("pg_ctl", "-D", this.data, "-m", "immediate", "stop");
    await Deno.remove(this.folder, { recursive: true });
  }

  async #program(name: string, ...args: string[]): Promise<void> {
    const { code, stderr } = await new Deno.Command(`${BIN_DIR}/${name}`, {
      args,
      stdout: "null",
      stderr: "piped",
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
  }
}

async function put(dcs: Dcs, key: string, value: unknown): Promise<void> {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const edit = { kind: "put", key, value: text, session: null } as const;
  await dcs.write({ when: [], edits: [edit] }, LIMITS);
}

async function keysOf(dcs: Dcs): Promise<ReadonlyMap<string, string>> {
  const { entries } = await dcs.readFresh(LIMITS);
  return new Map(entries.map(({ key, value }) => [key, value]));
}

const ignore = etcdSkipReason() !== null;

async function commandsOnEtcd(t: Deno.TestContext): Promise<void> {
  await using etcd = await EtcdServers.start();
  const endpoint = etcd.endpoints[0] ?? "";
  const address = endpoint.replace("http:", "etcd3:");
  const dcs = new DcsEtcd({
    endpoints: etcd.endpoints,
    scopePath: "/service/demo",
    clock: REAL_CLOCK,
    tls: {},
  });
  const ctl = (...args: string[]): Promise<Outcome> =>
    run("patronictl", ["-d", address, ...args]);
  try {
    await put(dcs, "config", { ttl: 30 });
    await put(dcs, "leader", "n1");
    await put(dcs, "history", [[1, 67108864, "why", "2026-11-20", "n1"]]);
    await put(dcs, "failover", {
      leader: "n1",
      scheduled_at: "2030-01-01T00:00:00+00:00",
    });
    await put(dcs, "members/n1", {
      conn_url: "postgres://127.0.0.1:5432/postgres",
      api_url: `http://127.0.0.1:${freePort()}/patroni`,
      state: "running",
      role: "primary",
    });

    await t.step("list, history and dsn", async () => {
      assert.match((await ctl("list", "demo")).out, /\| n1 +\|[^]*Leader/);
      assert.equal(
        (await ctl("history", "demo", "-f", "tsv")).out.split("\n")[1],
        "1\t67108864\twhy\t2026-11-20\tn1",
      );
      assert.equal(
        (await ctl("dsn", "demo")).out,
        "host=127.0.0.1 port=5432\n",
      );
    });

    await t.step("edit-config and show-config", async () => {
      const edit = await ctl(
        "edit-config",
        "demo",
        "-s",
        "ttl=40",
        "--force",
      );
      assert.match(edit.out, /\n\+ttl: 40\nConfiguration changed\n$/);
      assert.equal((await ctl("show-config", "demo")).out, "ttl: 40\n\n");
    });

    await t.step("flush empties the key if no member answers", async () => {
      const { out, err } = await ctl("flush", "demo", "switchover");
      assert.match(
        out,
        /Could not find any accessible member of cluster demo\n$/,
      );
      assert.match(err, /Member n1 is not accessible/);
      assert.equal((await keysOf(dcs)).get("failover"), "{}");
    });

    await t.step("explain says who does not answer", async () => {
      await put(dcs, "members/n2", { role: "replica", state: "running" });
      const { out, code } = await run("matriarch", [
        "-d",
        address,
        "explain",
        "demo",
      ]);
      assert.match(out, /n2: could not take over: no_answer/);
      assert.equal(code, 0);
    });

    await t.step(
      "remove deletes all keys, after three answers",
      async () => {
        const { code } = await run(
          "patronictl",
          ["-d", address, "remove", "demo"],
          "demo\nYes I am aware\nn1\n",
        );
        assert.equal(code, 0);
        assert.deepEqual([...(await keysOf(dcs)).keys()], []);
      },
    );
  } finally {
    await dcs.close();
  }
}

async function toolsOnPostgres(t: Deno.TestContext): Promise<void> {
  await using etcd = await EtcdServers.start();
  await using server = await Server.start();
  const address = (etcd.endpoints[0] ?? "").replace("http:", "etcd3:");
  const dcs = new DcsEtcd({
    endpoints: etcd.endpoints,
    scopePath: "/service/demo",
    clock: REAL_CLOCK,
    tls: {},
  });
  try {
    await put(dcs, "leader", "n1");
    await put(dcs, "members/n1", {
      conn_url: `postgres://127.0.0.1:${server.port}/postgres`,
      role: "primary",
      state: "running",
    });
  } finally {
    await dcs.close();
  }
  const query = (...args: string[]): Promise<Outcome> =>
    run("patronictl", [
      ...["-d", address, "query", "demo", "-U", "postgres"],
      ...["-d", "postgres", ...args],
    ]);

  await t.step("rows in Python's text form", async () => {
    const sql = "select 1 a, true b, null c, 2::float8 d, " +
      "array[1,2] e, current_setting('application_name') f";
    const { out, err, code } = await query("-c", sql);
    assert.equal(
      out,
      "a\tb\tc\td\te\tf\n1\tTrue\tNone\t2.0\t[1, 2]\tPatroni ctl\n",
      err,
    );
    assert.equal(code, 0);
  });

  await t.step("errors as rows, roles verified", async () => {
    const failed = await query("-c", "select 1/0");
    assert.match(failed.out, /^\S+ \S+\tERROR, SQLSTATE: 22012\n$/);
    const empty = await query("-c", "create table t (a int)");
    assert.match(empty.out, /\tERROR, SQLSTATE: no results to fetch\n$/);
    const primary = await query("-c", "select 1 x", "-r", "primary");
    assert.equal(primary.out, "x\n1\n");
    const other = await query("-c", "select 1", "-r", "replica");
    assert.match(
      other.out,
      /\tNo connection to role 'replica' is available/,
    );
  });

  await t.step("--generate-config writes what the server has", async () => {
    const file = `${server.folder}/out/generated.yml`;
    const dsn = `host=127.0.0.1 port=${server.port} user=postgres ` +
      "password=x dbname=postgres";
    const { code, err } = await run("patroni", [
      file,
      "--generate-config",
      `--dsn=${dsn}`,
    ]);
    assert.equal(code, 0, err);
    const text = await Deno.readTextFile(file);
    assert.match(text, /^scope: demo\n/);
    assert.match(text, /shared_buffers: 16MB/);
    assert.match(
      text,
      new RegExp(`listen: 127\\.0\\.0\\.1:${server.port}`),
    );
    assert.match(text, new RegExp(`data_dir: ${server.data}`));
  });

  await t.step("--validate-config looks at this host", async () => {
    const file = `${server.folder}/config.yml`;
    const text = (port: number): string => `
name: n1
scope: demo
restapi: {listen: "127.0.0.1:${freePort()}", connect_address: "10.0.0.1:8008"}
etcd3: {host: "${endpointOf(etcd)}"}
postgresql:
  listen: 127.0.0.1:${port}
  connect_address: 10.0.0.1:5432
  data_dir: ${server.data}
  authentication: {superuser: {username: a}, replication: {username: b}}
`;
    await Deno.writeTextFile(file, text(freePort()));
    const good = await run("patroni", ["--validate", "-p", file]);
    assert.deepEqual([good.code, good.err], [0, ""]);
    assert.match(good.out, /\n {2}bin_dir: ''\n/);
    await Deno.writeTextFile(file, text(server.port));
    const used = await run("patroni", [file, "--validate-config"]);
    assert.equal(used.code, 1);
    assert.equal(
      used.err,
      `postgresql.listen 127.0.0.1:${server.port} didn't pass validation: ` +
        `Port ${server.port} is already in use.\n`,
    );
    const fine = await run("patroni", [file, "--validate-config", "-i"]);
    assert.equal(fine.code, 0);
  });
}

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "commands read and write a real etcd",
    ignore,
    fn: commandsOnEtcd,
  });

  Deno.test({
    name: "query and the generators talk to a real PostgreSQL",
    ignore,
    fn: toolsOnPostgres,
  });

  Deno.test("--generate-sample-config knows the server's version", async () => {
    const { code, out, err } = await run("patroni", ["--generate-sample"]);
    assert.equal(code, 0, err);
    assert.match(out, /password_encryption: scram-sha-256/);
    assert.match(out, /wal_keep_size: 128MB/);
  });

  Deno.test("--version is understood by everybody but patronictl", async () => {
    const own = await run("matriarch", ["--version"]);
    assert.match(own.out, /^matriarch version \d+\.\d+\.\d+ \(Patroni 4/);
    assert.match((await run("patroni", ["--version"])).out, /^patroni 4\.\d/);
    assert.equal((await run("patronictl", ["--version"])).code, 2);
  });

  Deno.test("proxy and fence-stop say how they are called", async () => {
    for (const name of ["proxy", "fence-stop"]) {
      const help = await run("matriarch", [name, "--help"]);
      assert.equal(help.code, 0);
      assert.match(help.out, new RegExp(`^usage: matriarch ${name} `));
      const wrong = await run("matriarch", [name, "a.yml", "b.yml"]);
      assert.equal(wrong.code, 2);
      assert.match(wrong.err, new RegExp(`^usage: matriarch ${name} `));
    }
  });

  Deno.test("two modes at once are a mistake", async () => {
    const { code, err } = await run("patroni", [
      "--generate-config",
      "--validate-config",
    ]);
    assert.equal(code, 2);
    assert.match(
      err,
      /^usage: patroni [^]*\npatroni: error: argument --validate-config: not allowed with argument --generate-config\n$/,
    );
  });
});

function endpointOf(etcd: EtcdServers): string {
  return (etcd.endpoints[0] ?? "").replace("http://", "");
}
