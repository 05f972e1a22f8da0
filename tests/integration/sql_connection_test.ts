/**
 * Our own SQL connections, made without libpq, mean by each keyword what libpq
 * means, and give no password to a server that asks for it in the wrong way.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import net from "node:net";
import {
  Connection,
  type SqlTarget,
} from "../../lib/adapters/postgres/session/sql.ts";
import { selfSigned } from "../helpers/certificates.ts";
import { freePort } from "../helpers/free_ports.ts";
import { eventually, NEVER, sql, TestWorld } from "../helpers/postgres.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

type Options = Readonly<Record<string, string>>;

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "our own SQL connections on a real server",
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      await using world = new TestWorld();
      const keys = world.path;
      for (const name of ["server", "other"]) {
        const { cert, key } = await selfSigned(name, null);
        await Deno.writeTextFile(`${keys}/${name}.crt`, cert);
        await Deno.writeTextFile(`${keys}/${name}.key`, key, { mode: 0o600 });
      }
      const one = world.instance("one");
      await one.postgres.data.bootstrap(NEVER);
      const port = one.options.listen.port;
      const target = (
        options: Options,
        password = "super secret",
      ): SqlTarget => ({
        host: "127.0.0.1",
        port,
        database: "postgres",
        credentials: { username: "postgres", password, options },
        settings: {},
      });
      const other = {
        sslcert: `${keys}/other.crt`,
        sslkey: `${keys}/other.key`,
      };
      // Without TLS at the server.
      assert.equal(await isEncrypted(target({})), false);
      assert.equal(
        await isEncrypted(target({ sslmode: "prefer", ...other })),
        false,
      );
      assert.match(await failureOf(target({ sslmode: "require" })), /TLS/);
      await one.postgres.settings.configure({
        document: {
          parameters: {
            ssl: "on",
            ssl_cert_file: `${keys}/server.crt`,
            ssl_key_file: `${keys}/server.key`,
          },
        },
      });
      await eventually(() => isEncrypted(target({})), (it) => it);
      // With it.
      const [right, wrong] = ["server", "other"].map((name) => ({
        sslrootcert: `${keys}/${name}.crt`,
      }));
      const cases: readonly (readonly [Options, boolean | RegExp])[] = [
        [{ sslmode: "disable" }, false],
        [{ sslmode: "allow" }, false],
        [{ sslmode: "prefer", ...other }, true],
        [{ sslmode: "require" }, true],
        [{ sslmode: "prefer", ...wrong }, true],
        [{ sslmode: "require", ...right }, true],
        [{ sslmode: "require", ...wrong }, /./],
        [{ sslmode: "verify-ca", ...right }, true],
        [{ sslmode: "verify-ca", ...wrong }, /./],
        [{ sslmode: "verify-ca" }, /root certificate \(sslrootcert\)/],
        [{ sslmode: "verify-full", ...right }, true],
        [{ sslmode: "verify-full", ...wrong }, /./],
        [{ sslcrl: "/crl" }, /sslcrl/],
        [{ channel_binding: "require" }, /channel_binding/],
        [{ gssencmode: "require" }, /gssencmode/],
        [{ sslnegotiation: "direct" }, /sslnegotiation/],
      ];
      for (const [options, expected] of cases) {
        const what = JSON.stringify(options);
        if (typeof expected === "boolean") {
          assert.equal(await isEncrypted(target(options)), expected, what);
        } else assert.match(await failureOf(target(options)), expected, what);
      }
      // The certificate has the address, and no name.
      const named = target({ sslmode: "verify-full", ...right });
      const failure = await failureOf({ ...named, host: "localhost" });
      assert.match(failure, /localhost/);
      // Passwords that SASLprep changes.
      for (
        const word of ["1\u00bd", "a\u00a0b", "e\u0301", "\u{1f600}\u00bd"]
      ) {
        const quoted = word.replaceAll("'", "''");
        await one.postgres.observe();
        await sql(one.options, `ALTER ROLE rewinder PASSWORD '${quoted}'`);
        const its = target({}, word);
        const credentials = { ...its.credentials, username: "rewinder" };
        await isEncrypted({ ...its, credentials });
      }
      // Over a slow wire.
      await using wire = new SlowWire(port, 400);
      const far = { ...target({}), port: wire.port };
      assert.match(await failureOf(far), /CONNECT_TIMEOUT|no connection/);
      assert.equal(
        await isEncrypted({ ...far, connectTimeoutMs: 10_000 }),
        true,
      );
    },
  });

  Deno.test("a server that asks in the wrong way gets no password", async () => {
    const secret = "geheim";
    const hash = /md5[0-9a-f]{32}/;
    const clear = message("R", int(3));
    const md5 = message("R", Buffer.concat([int(5), Buffer.from("salt")]));
    const scram = message(
      "R",
      Buffer.concat([int(10), Buffer.from("SCRAM-SHA-256\0\0")]),
    );
    const cases: readonly (readonly [Buffer[], Options, RegExp])[] = [
      [[clear], {}, /in clear text.*require_auth has "password"/],
      [[md5], {}, /md5.*require_auth has "md5"/],
      [[clear], { require_auth: "scram-sha-256" }, /in clear text/],
      [[scram, message("R", int(0))], {}, /did not prove/],
    ];
    for (const [answers, options, expected] of cases) {
      const { heard, failure } = await meet(answers, secret, options);
      assert.match(failure, expected);
      assert.ok(!heard.includes(secret) && !hash.test(heard), heard);
    }
    const asked = await meet([clear], secret, { require_auth: "password" });
    assert.ok(asked.heard.includes(secret), "it is answered where configured");
  });
});

/** A link to a local port on which every byte takes a while, in both directions. */
class SlowWire implements AsyncDisposable {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly port = freePort();

  constructor(port: number, delayMs: number) {
    this.#server = net.createServer((near) => {
      const far = net.connect({ host: "127.0.0.1", port });
      for (const [from, to] of [[near, far], [far, near]] as const) {
        this.#sockets.add(from);
        from.on("data", (bytes: Buffer) => {
          if (from.destroyed) return;
          this.#timers.add(setTimeout(() => to.write(bytes), delayMs));
        });
        from.on("close", () => to.destroy());
        from.on("error", () => {});
      }
    });
    this.#server.listen(this.port, "127.0.0.1");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    for (const timer of this.#timers) clearTimeout(timer);
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Throws if it cannot connect. */
async function isEncrypted(target: SqlTarget): Promise<boolean> {
  await using connection = new Connection(target);
  const [row] = await connection.query(
    "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    5_000,
  );
  return row?.["ssl"] === true;
}

async function failureOf(target: SqlTarget): Promise<string> {
  try {
    await isEncrypted(target);
  } catch (error) {
    return String(error);
  }
  return "";
}

/** A stranger's server: each message of ours gets the next answer. */
async function meet(
  answers: readonly Buffer[],
  password: string,
  options: Options,
): Promise<{ readonly heard: string; readonly failure: string }> {
  const left = [...answers];
  let heard = "";
  const port = freePort();
  const ended = Promise.withResolvers<void>();
  const server = net.createServer((socket) => {
    socket.on("data", (bytes: Buffer) => {
      heard += bytes.toString("latin1");
      const next = left.shift();
      if (next === undefined) socket.end();
      else socket.write(next);
    });
    socket.on("error", () => {});
    socket.on("close", () => ended.resolve());
  });
  await new Promise<void>((resolve) =>
    server.listen(port, "127.0.0.1", resolve)
  );
  const failure = await failureOf({
    host: "127.0.0.1",
    port,
    database: "postgres",
    credentials: {
      username: "postgres",
      password,
      options: { sslmode: "disable", ...options },
    },
    settings: {},
  });
  await ended.promise;
  await new Promise((resolve) => server.close(resolve));
  return { heard, failure };
}

function message(type: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(type), int(body.length + 4), body]);
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
