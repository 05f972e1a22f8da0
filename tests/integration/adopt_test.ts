/**
 * Goal: a server that Debian's tools made and run, with clients, becomes the first
 * member of a cluster by `init --adopt`, with one restart, and keeps its rows, its
 * roles, its settings and its rules of access; and a host that joins has them too.
 *
 * Method: `pg_createcluster` with its configuration apart from its data, on one of
 * three hosts; a client that writes by the socket all the time.
 */
import assert from "node:assert/strict";
import type postgres from "postgres";
import { faultSkipReason, faultTest } from "../fault/bench/bench.ts";
import { USER } from "../fault/bench/launch.ts";
import type { Host } from "../fault/bench/network.ts";
import { shell, tryShell } from "../fault/bench/shell.ts";
import { connectTo } from "../helpers/agent_member.ts";
import { step } from "../helpers/step.ts";
import { untilIt } from "../helpers/wait.ts";
import { ThreeHosts } from "./three_hosts.ts";

const REASON = faultSkipReason([
  ...["ip", "nft", "setpriv", "etcd", "pg_createcluster", "runuser"],
]);
const LIMIT = { limitMs: 60_000 };
const PAUSE_MS = 20;
const STARTED = "select pg_postmaster_start_time()::text as at";

/** What its owner changed: more than a cluster has that `init` makes. */
const SETTINGS = [
  "max_connections=217",
  "max_worker_processes=21",
  "max_locks_per_transaction=77",
  "max_prepared_transactions=5",
  "track_commit_timestamp=on",
  "work_mem=7MB",
  "shared_buffers=16MB",
  "fsync=off",
];

/** A server as Debian has it: configuration and data apart. */
class DebianServer {
  readonly #three: ThreeHosts;
  readonly #host: Host;

  constructor(three: ThreeHosts, host: Host) {
    this.#three = three;
    this.#host = host;
  }

  get configDir(): string {
    return `${this.#three.folder(this.#host)}/etc_postgresql/15/main`;
  }

  get log(): string {
    return `${this.#three.folder(this.#host)}/server.log`;
  }

  async start(): Promise<void> {
    const folder = this.#three.folder(this.#host);
    await shell(["install", "-d", "-o", USER, `${folder}/lib`]);
    await this.#tool([
      ...["pg_createcluster", "15", "main", "-u", USER, "-p", "5432"],
      ...["-d", `${folder}/lib/data`, "-s", folder, "-l", this.log],
      ...SETTINGS.flatMap((setting) => ["-o", setting]),
      ...["--", "--no-sync"],
    ]);
    const rules = `${this.configDir}/pg_hba.conf`;
    const text = await Deno.readTextFile(rules);
    await Deno.writeTextFile(
      rules,
      `# Our application.\nlocal app app scram-sha-256\n` +
        `host app app ${this.#host.address}/24 scram-sha-256\n${text}`,
    );
    await this.#tool(["pg_ctlcluster", "15", "main", "start"]);
  }

  /** As its superuser, by the socket. */
  async sql(statement: string): Promise<string> {
    const folder = this.#three.folder(this.#host);
    const words = ["runuser", "-u", USER, "--", "psql", "-XAtq", "-h", folder];
    return (await shell([...words, "-p", "5432", "-c", statement])).trim();
  }

  /** As the application. */
  client(): postgres.Sql {
    const host = this.#three.folder(this.#host);
    const login = { username: "app", password: "app", database: "app" };
    return connectTo(5432, { host, ...login });
  }

  async #tool(command: readonly string[]): Promise<void> {
    const root = `${this.#three.folder(this.#host)}/etc_postgresql`;
    await shell([
      ...["ip", "netns", "exec", this.#host.namespace, "env"],
      ...[`PG_CLUSTER_CONF_ROOT=${root}`, ...command],
    ]);
  }
}

/** Writes one row after the other, whatever happens to the server. */
class Writer implements AsyncDisposable {
  readonly acknowledged: number[] = [];
  readonly #sql: postgres.Sql;
  readonly #ended: Promise<void>;
  #isStopped = false;

  constructor(sql: postgres.Sql) {
    this.#sql = sql;
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
    await this.#sql.end({ timeout: 1 });
  }

  async #run(): Promise<void> {
    for (let id = 1; !this.#isStopped; id++) {
      try {
        await this.#sql`INSERT INTO kept VALUES (${id})`;
        this.acknowledged.push(id);
      } catch {
        // It is away.
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

faultTest(
  "a server that is there becomes the first member, with one restart",
  async (t) => {
    await using three = await ThreeHosts.ready();
    const [db1, db2] = three.hosts;
    const server = new DebianServer(three, db1);
    const init = [
      ...["init", "--adopt", "--etcd-hosts", `${three.store.address}:2379`],
      ...three.places(db1),
    ];
    let stop = "";
    let token = "";
    await server.start();
    const was = await server.sql(STARTED);
    await server.sql("CREATE ROLE app LOGIN PASSWORD 'app'");
    await server.sql("CREATE ROLE matriarch");
    await server.sql("CREATE DATABASE app OWNER app");
    const before = await server.sql("TABLE pg_authid");
    {
      const sql = server.client();
      await sql`CREATE TABLE kept (id int)`;
      await sql.end({ timeout: 1 });
    }
    await using writer = new Writer(server.client());
    await writer.untilMore(10);

    await step(t, "nothing is touched before it is agreed to", async () => {
      const shown = await three.done(db1, ...init, "--dry-run");
      const refused = await three.run(db1, ...init);
      assert.notEqual(refused.code, 0);
      assert.match(
        refused.output,
        /^PostgreSQL 15 on .*lib\/data \(port 5432/m,
      );
      assert.match(refused.output, /roles matriarch_2 \(superuser\)/);
      assert.match(refused.output, /start\.conf says "disabled"/);
      assert.match(shown, /max_connections: '217'/);
      assert.equal(await server.sql("TABLE pg_authid"), before);
      const left = [...Deno.readDirSync(three.folder(db1))].map((e) => e.name);
      assert.ok(!left.includes("etc"), left.join());
    });
    await step(t, "init takes it over while it runs", async () => {
      const output = await three.run(db1, ...init, "--yes");
      assert.equal(output.code, 0, output.error);
      [stop = ""] = /runuser .* -D \S+(?=")/.exec(output.error) ?? [];
      [token = ""] = /mj1\.\S+/.exec(output.output) ?? [];
      assert.equal(await server.sql(STARTED), was);
      const roles = await server.sql(
        "SELECT rolname, rolpassword LIKE 'SCRAM%' FROM pg_authid WHERE " +
          "rolname LIKE 'matriarch%' OR rolname = 'postgres' ORDER BY 1",
      );
      assert.deepEqual(roles.split("\n"), [
        ...["matriarch|", "matriarch_2|t", "matriarch_replicator|t"],
        "postgres|",
      ]);
      const log = await Deno.readTextFile(server.log);
      assert.doesNotMatch(log, /PASSWORD|SCRAM/);
      const start = await Deno.readTextFile(`${server.configDir}/start.conf`);
      assert.match(start, /^disabled$/m);
    });
    await step(t, "the agent starts it again, once", async () => {
      assert.equal((await tryShell(["sh", "-c", stop])).code, 0, stop);
      three.start(db1);
      await untilIt("db1 leads", async () => {
        const members = await three.list(db1);
        return members.some(({ role }) => role === "Leader");
      }, { ...LIMIT, report: () => three.log(db1) });
      await writer.untilMore(10);
      const logs = await Deno.readTextFile(server.log) + await three.log(db1);
      assert.equal(logs.match(/ starting PostgreSQL 15/g)?.length, 2);
      assert.notEqual(await server.sql(STARTED), was);
    });
    await step(t, "a host that joins streams, and has all it had", async () => {
      await three.done(db2, "join", db1.address, token, ...three.places(db2));
      three.start(db2);
      await three.untilStreaming(db1, 1);
      await joined(three, writer);
    });
    await step(t, "calling it again is harmless", async () => {
      const before = await server.sql("TABLE pg_authid");
      const output = await three.done(db1, ...init);
      assert.match(output, /was set up before/);
      assert.equal(await server.sql("TABLE pg_authid"), before);
    });
  },
  REASON,
);

/** The second host's server, as the application and as its own superuser see it. */
async function joined(three: ThreeHosts, writer: Writer): Promise<void> {
  const [db1, db2] = three.hosts;
  const wanted = writer.acknowledged.at(-1);
  const app = [
    ...["ip", "netns", "exec", db1.namespace, "env", "PGPASSWORD=app"],
    ...["psql", "-XAtq", "-h", db2.address, "-U", "app", "-d", "app", "-c"],
  ];
  await untilIt("the last row is on the second host", async () => {
    const { output } = await tryShell([...app, "SELECT max(id) FROM kept"]);
    return Number(output) >= Number(wanted);
  }, LIMIT);
  const rows = await shell([...app, "SELECT id FROM kept"]);
  const there = new Set(rows.trim().split("\n").map(Number));
  assert.deepEqual(
    writer.acknowledged.filter((id) => !there.has(id) && id <= Number(wanted)),
    [],
  );
  for (const setting of SETTINGS) {
    const [name = "", value] = setting.split("=");
    const seen = await shell([...app, `SHOW ${name}`]);
    assert.equal(seen.trim(), value, name);
  }
  const own = ["runuser", "-u", USER, "--", "psql", "-XAtq", "-h"];
  const folder = three.folder(db2);
  const wal = await shell([...own, folder, "-c", "SHOW wal_log_hints"]);
  assert.equal(wal.trim(), "on");
}
