/** The proxy between real clients (psql, pgbench) and a real PostgreSQL. */
import assert from "node:assert/strict";
import { selfSigned } from "../helpers/certificates.ts";
import type { ServerTls } from "../../proxy/tls_port.ts";
import { until } from "../helpers/tcp.ts";
import { ProxyRig } from "./proxy_rig.ts";
import { freePort } from "../helpers/free_ports.ts";

const BIN = "/usr/lib/postgresql/15/bin";
const IS_ROOT = Deno.uid() === 0;

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a program to its end; server programs refuse root, so not as root. */
async function run(program: string, ...args: string[]): Promise<Outcome> {
  const result = await command(program, args).output();
  const decoder = new TextDecoder();
  return {
    code: result.code,
    out: decoder.decode(result.stdout),
    err: decoder.decode(result.stderr),
  };
}

function command(program: string, args: readonly string[]): Deno.Command {
  const line = IS_ROOT
    ? ["runuser", "-u", "postgres", "--", program, ...args]
    : [program, ...args];
  return new Deno.Command(line[0] ?? program, {
    args: line.slice(1),
    cwd: "/",
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { PGCONNECT_TIMEOUT: "20" },
  });
}

async function succeed(program: string, ...args: string[]): Promise<string> {
  const { code, out, err } = await run(program, ...args);
  assert.equal(code, 0, `${program} ${args.join(" ")}: ${err}`);
  return out;
}

/** Who must come how. */
const HBA = [
  "hostssl all bound 127.0.0.1/32 scram-sha-256",
  "host all bound 127.0.0.1/32 reject",
  "hostssl all holder 127.0.0.1/32 cert",
  "host all holder 127.0.0.1/32 reject",
  "host all all 127.0.0.1/32 trust",
  "local all all trust",
].join("\n");

/** A small server with TLS, SCRAM for user bound, certificates for user holder. */
class TestPostgres {
  readonly port = freePort();
  readonly folder = Deno.makeTempDirSync({ prefix: "matriarch-pg-" });
  readonly #data = `${this.folder}/data`;

  static async start(): Promise<TestPostgres> {
    const server = new TestPostgres();
    try {
      if (IS_ROOT) await owned(server.folder);
      await server.#start();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run(`${BIN}/pg_ctl`, "-D", this.#data, "-m", "immediate", "stop");
    await Deno.remove(this.folder, { recursive: true });
  }

  async #start(): Promise<void> {
    const data = this.#data;
    await succeed(`${BIN}/initdb`, "-D", data, "-A", "trust", "--no-sync");
    await succeed(
      "openssl",
      ...["req", "-new", "-x509", "-nodes", "-days", "2", "-subj", "/CN=x"],
      ...["-keyout", `${data}/server.key`, "-out", `${data}/server.crt`],
    );
    const holder = await selfSigned("holder");
    const files = [
      [`${data}/pg_hba.conf`, `${HBA}\n`],
      [`${data}/client_ca.crt`, holder.cert],
      [`${this.folder}/holder.crt`, holder.cert],
      [`${this.folder}/holder.key`, holder.key],
    ] as const;
    for (const [path, text] of files) {
      await Deno.writeTextFile(path, text, { mode: 0o600 });
      if (IS_ROOT) await owned(path);
    }
    const settings = [
      `-p ${this.port} -h 127.0.0.1 -k ${this.folder}`,
      "-c fsync=off -c shared_buffers=16MB -c ssl=on",
      "-c ssl_ca_file=client_ca.crt",
    ].join(" ");
    const log = `${this.folder}/log`;
    await succeed(
      ...[`${BIN}/pg_ctl`, "-D", data, "-l", log] as const,
      ...["-w", "-o", settings, "start"],
    );
  }
}

/** The server's own certificate, as clients check it. */
function serverCertificate(server: TestPostgres): string {
  return `sslmode=verify-ca sslrootcert=${server.folder}/data/server.crt`;
}

/** A port at which the proxy ends TLS itself; `own.crt` is what clients check. */
async function ownTls(folder: string) {
  const { cert, key } = await selfSigned("proxy");
  const certfile = `${folder}/own.crt`;
  const keyfile = `${folder}/own.key`;
  await Deno.writeTextFile(certfile, cert);
  await Deno.writeTextFile(keyfile, key);
  const ca = `${folder}/data/server.crt`;
  const check = (
    mode: ServerTls["mode"],
    cafile: string | null = null,
    name: string | null = null,
  ): ServerTls => ({ mode, cafile, name, setting: "x" });
  const ports = Object.entries({
    tls: null,
    required: check("require"),
    known: check("verify-ca", ca),
    stranger: check("verify-ca", certfile),
    named: check("verify-full", ca, "x"),
    misnamed: check("verify-full", ca, "y"),
    // Its certificate says x, and not the address at which it is found.
    elsewhere: check("verify-full", ca),
  });
  return {
    tlsPorts: ports.map(([door, server]) => {
      const usual = { names: [], door, certfile, keyfile, setting: "x" };
      return { door, certificates: [usual], server };
    }),
    extraDoors: ports.map(([name, server]) => ({
      ...{ name, port: freePort(), setting: "x" },
      isServerTls: server !== null,
      ...{ balance: "least", connectionsMax: 100, isTls: true } as const,
      rule: { to: "leader", zone: null, isFallback: null } as const,
    })),
  };
}

async function owned(path: string): Promise<void> {
  await new Deno.Command("chown", { args: ["postgres", path] }).output();
}

function psql(port: number, sql: string, extra = ""): Promise<Outcome> {
  // Of a word that stands twice the last counts.
  const target = `host=127.0.0.1 port=${port} user=postgres ` +
    `dbname=postgres ${extra}`;
  return run("psql", "-XAt", "-d", target, "-c", sql);
}

async function ownTlsSteps(
  t: Deno.TestContext,
  rig: ProxyRig,
  server: TestPostgres,
): Promise<void> {
  await t.step("the proxy ends TLS itself, and psql checks it", async () => {
    const own = rig.proxy.ports.doors["tls"] ?? 0;
    const checked = `sslmode=verify-full sslrootcert=${server.folder}/own.crt`;
    const sql = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    const { out, err } = await psql(own, sql, checked);
    assert.equal(out, "f\n", err);
    const wrong = await psql(own, sql, serverCertificate(server));
    assert.match(wrong.err, /certificate verify failed/);
    const plain = await psql(own, sql, "sslmode=disable");
    assert.match(plain.err, /takes TLS connections only/);
    const bound = await psql(own, sql, `${checked} channel_binding=require`);
    assert.match(bound.err, /channel binding/);
    const rows = "select repeat('x', 1000) from generate_series(1, 20000)";
    const bulk = await psql(own, rows, checked);
    assert.equal(bulk.out.length, 20_000 * 1001);
  });

  await t.step("the proxy's own TLS goes on to PostgreSQL", async () => {
    const checked = `sslmode=verify-full sslrootcert=${server.folder}/own.crt`;
    const sql = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    const at = (name: string) => rig.proxy.ports.doors[name] ?? 0;
    for (const name of ["required", "known", "named"]) {
      const { out, err } = await psql(at(name), sql, checked);
      assert.equal(out, "t\n", `${name}: ${err}`);
    }
    for (const name of ["stranger", "misnamed", "elsewhere"]) {
      const { err } = await psql(at(name), sql, checked);
      assert.match(err, /the server's TLS is not what this port/, name);
    }
    const rows = "select repeat('x', 1000) from generate_series(1, 20000)";
    const bulk = await psql(at("named"), rows, checked);
    assert.equal(bulk.out.length, 20_000 * 1001);
  });
}

/** psql by that port is interrupted while its server works. */
async function cancelled(server: TestPostgres, port: number): Promise<void> {
  const target = `host=127.0.0.1 port=${port} user=postgres`;
  const sleeper = new Deno.Command("psql", {
    args: ["-Xd", target, "-c", "select pg_sleep(600)"],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const sleeping = "select count(*) from pg_stat_activity " +
    "where query = 'select pg_sleep(600)' and state = 'active'";
  await until(
    "it sleeps",
    async () => (await psql(server.port, sleeping)).out === "1\n",
  );
  sleeper.kill("SIGINT");
  const { stderr } = await sleeper.output();
  const text = new TextDecoder().decode(stderr);
  assert.match(text, /canceling statement due to user request/);
}

Deno.test("psql and pgbench work through the proxy", async (t) => {
  await using server = await TestPostgres.start();
  await using rig = await ProxyRig.open({
    ...await ownTls(server.folder),
    holdTimeoutMs: 300,
    sockets: { folder: server.folder, mode: 0o777 },
  });
  const port = rig.proxy.ports.primary;

  for (const sslmode of ["disable", "prefer"]) {
    await t.step(`held psql (sslmode ${sslmode}) is told 57P03`, async () => {
      const target = `host=127.0.0.1 port=${port} sslmode=${sslmode}`;
      const { code, err } = await run("psql", "-Xd", target, "-c", "select 1");
      assert.equal(code, 2);
      assert.match(
        err,
        /FATAL: {2}no primary of scope "demo" could be reached within 0\.3 s/,
      );
      assert.match(err, /DETAIL: {2}There is no leader at the moment\./);
    });
  }

  await rig.keys.primary("n1", server.port);
  await rig.keys.lead("n1");
  await until("n1 is routed", () => rig.proxy.stats().routes.primary !== null);

  await t.step("psql by a unix socket", async () => {
    const where = `host=${server.folder} port=${port} user=postgres ` +
      "dbname=postgres";
    const sql = "select pg_backend_pid() > 0, inet_client_addr()";
    const out = await succeed("psql", "-XAt", "-d", where, "-c", sql);
    assert.equal(out.trim(), "t|127.0.0.1");
    await succeed(
      ...["pgbench", "-i", "-q", "-s", "1", "-d", where] as const,
    );
  });

  await t.step("psql selects", async () => {
    const { out } = await psql(port, "select 6 * 7");
    assert.equal(out, "42\n");
  });

  await t.step("TLS is between psql and PostgreSQL", async () => {
    const sql = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    const { out, err } = await psql(port, sql, "sslmode=require");
    assert.equal(out, "t\n", err);
  });

  await t.step(
    "SCRAM with channel binding sees the server's own TLS",
    async () => {
      await psql(server.port, "create role bound login password 'secret'");
      const sql = "select current_user";
      const bound = "user=bound password=secret channel_binding=require ";
      const through = await psql(port, sql, bound + serverCertificate(server));
      assert.equal(through.out, "bound\n", through.err);
      const plain = await psql(port, sql, `${bound} sslmode=disable`);
      assert.equal(plain.code, 2, "without TLS there is nothing to bind to");
    },
  );

  await t.step("a client certificate reaches PostgreSQL", async () => {
    await psql(server.port, "create role holder login");
    const sql = "select current_user, client_dn from pg_stat_ssl " +
      "where pid = pg_backend_pid()";
    const files = `${server.folder}/holder`;
    const certificate = `user=holder sslcert=${files}.crt sslkey=${files}.key `;
    const shown = certificate + serverCertificate(server);
    const { out, err } = await psql(port, sql, shown);
    assert.equal(out, "holder|/CN=holder\n", err);
    const without = await psql(port, sql, "user=holder sslmode=require");
    assert.match(without.err, /requires a valid client certificate/);
  });

  await ownTlsSteps(t, rig, server);

  await t.step("a big result arrives whole", async () => {
    const sql = "select repeat('x', 1000) from generate_series(1, 50000)";
    const { out } = await psql(port, sql);
    assert.equal(out.length, 50_000 * 1001);
  });

  // psql before 17 sends it without TLS, also where its session has TLS.
  const at = (name: string) => rig.proxy.ports.doors[name] ?? 0;
  for (
    const [where, own] of [["", port], ["own TLS", at("tls")], [
      "TLS to servers",
      at("named"),
    ]] as const
  ) {
    await t.step(
      `a cancel request reaches the session's server ${where}`,
      () => cancelled(server, own),
    );
  }

  await t.step("pgbench loses no transaction", async () => {
    const at = ["-h", "127.0.0.1", "-p", `${port}`, "-U", "postgres"];
    await succeed(`${BIN}/pgbench`, ...at, "-i", "-q", "postgres");
    const out = await succeed(
      `${BIN}/pgbench`,
      ...at,
      ...["-c", "4", "-t", "200", "-M", "prepared", "postgres"],
    );
    assert.match(out, /actually processed: 800\/800/);
    // One connection per transaction.
    const reconnecting = await succeed(
      `${BIN}/pgbench`,
      ...at,
      ...["-S", "-C", "-c", "2", "-t", "50", "postgres"],
    );
    assert.match(reconnecting, /actually processed: 100\/100/);
  });
});
