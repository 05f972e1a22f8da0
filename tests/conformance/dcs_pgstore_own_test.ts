/**
 * What the port does not say of every store, on a real PostgreSQL: which servers
 * are refused and how, logins, and a failover of the store that forgets who leads.
 */
import assert from "node:assert/strict";
import type { PostgresStoreOptions } from "../../lib/adapters/postgres/dcs/options.ts";
import { PostgresDocumentStore } from "../../lib/adapters/postgres/dcs/store_postgres.ts";
import { openDcsTarget } from "../../lib/compose/dcs.ts";
import { Wanted } from "../../lib/config/fields.ts";
import { readStore } from "../../lib/config/stores/all.ts";
import { DocumentDcs } from "../../lib/dcs/document/document_dcs.ts";
import type { Dcs } from "../../lib/ports/dcs.ts";
import {
  DcsRefusedError,
  DcsUnreachableError,
} from "../../lib/ports/errors.ts";
import { freePort } from "../helpers/free_ports.ts";
import { STORE_PASSWORD, StorePostgres } from "../helpers/store_postgres.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { RealClock } from "./dcs_clock.ts";
import { certificate } from "./dcs_etcd_access.ts";
import {
  contents,
  eventually,
  guardedPut,
  isRefused,
  LIMITS,
  put,
  SHORT_LIMITS,
} from "./dcs_fixture.ts";
import { pgstoreOptions } from "./dcs_pgstore_access.ts";

const ABSENT = { kind: "absent" } as const;

async function withDcs(
  server: Pick<StorePostgres, "port">,
  options: Partial<PostgresStoreOptions>,
  use: (dcs: Dcs) => Promise<void>,
): Promise<void> {
  const given = pgstoreOptions(server, options);
  const dcs = new DocumentDcs({
    store: new PostgresDocumentStore(given),
    ...{ clock: new RealClock(), random: { next: Math.random } },
    warn: given.warn,
  });
  try {
    await use(dcs);
  } finally {
    await dcs.close();
  }
}

async function throughSection(
  section: Readonly<Record<string, unknown>>,
  use: (dcs: Dcs) => Promise<void>,
): Promise<void> {
  const config = readStore({ pgstore: section });
  assert.ok(!(config instanceof Wanted), Deno.inspect(config));
  const place = { namespace: "service", scope: "batman", group: null };
  const dcs = await openDcsTarget({ config, ...place });
  try {
    await use(dcs);
  } finally {
    await dcs.close();
  }
}

/** A login by name and password. */
function as(username: string, password: string) {
  return { login: () => ({ username, password, passfile: null }) };
}

async function itsOwnIsRefused(): Promise<void> {
  await using server = await StorePostgres.start();
  const [row] = await server.sql(
    "SELECT system_identifier::text AS id FROM pg_control_system()",
  );
  const id = String(row?.["id"]);
  await withDcs(server, {}, async (dcs) => {
    await put(dcs, "initialize", "7");
    await isRefused(
      put(dcs, "initialize", id),
      new RegExp(`is this cluster's own \\(system identifier ${id}\\)`),
    );
    assert.deepEqual(await contents(dcs), { initialize: "7" });
    // A store that was copied into its own cluster, or the other way round.
    await server.sql(
      "UPDATE matriarch.scopes SET version = '99.0123456789abcdef', " +
        `document = replace(document, '"7"', '"${id}"')`,
    );
    await isRefused(dcs.readFresh(LIMITS), /is this cluster's own/);
    await isRefused(dcs.openSession(20_000, LIMITS), /is this cluster's own/);
  });
}

async function wrongServersAreRefused(): Promise<void> {
  await using careless = await StorePostgres.start({ fsync: "off" });
  await withDcs(careless, {}, async (dcs) => {
    await isRefused(dcs.readFresh(LIMITS), /has fsync off/);
    await isRefused(put(dcs, "a", "1"), /has fsync off/);
  });
  await using server = await StorePostgres.start();
  await withDcs(server, {}, async (dcs) => {
    await put(dcs, "config", "{}");
  });
  await using standby = await server.standby();
  await withDcs(standby, {}, async (dcs) => {
    const call = dcs.readFresh(LIMITS);
    await isRefused(call, /is a standby/, DcsUnreachableError);
  });
  const warnings: string[] = [];
  const both = [standby, server].map(({ port }) => ({
    host: "127.0.0.1",
    port,
  }));
  await withDcs(server, {
    hosts: [{ host: "127.0.0.1", port: freePort() }, ...both],
    warn: (text) => warnings.push(text),
  }, async (dcs) => {
    assert.deepEqual(await contents(dcs), { config: "{}" });
  });
  assert.match(warnings.join(), /waits for none of them/);
  await server.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
  await server.sql("ALTER SYSTEM SET default_transaction_read_only = on");
  await server.sql("SELECT pg_reload_conf()");
  await withDcs(server, {}, async (dcs) => {
    await eventually(
      () =>
        dcs.readFresh(LIMITS).then(
          () => false,
          (error) => /is read-only/.test(String(error)),
        ),
      () => "it still takes writes",
    );
  });
}

async function strangersAreNamed(): Promise<void> {
  const web = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () => new Response("hello"),
  );
  for (const tls of [{}, { sslmode: "disable" }, { sslmode: "require" }]) {
    await withDcs(web.addr, { tls }, async (dcs) => {
      await assert.rejects(dcs.readFresh(LIMITS), (error) => {
        // What a web server says to a stranger's first bytes, or nothing at all.
        assert.ok(
          error instanceof DcsRefusedError ||
            error instanceof DcsUnreachableError,
        );
        assert.match(error.message, /is not PostgreSQL|closed the connection/);
        return true;
      });
    });
  }
  await web.shutdown();
  const talker = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const talking = (async () => {
    for await (const connection of talker) {
      await connection.write(new TextEncoder().encode("220 mail ready\r\n"));
      await connection.read(new Uint8Array(100));
      connection.close();
    }
  })();
  for (const tls of [{}, { sslmode: "disable" }]) {
    await withDcs(talker.addr, { tls }, async (dcs) => {
      await isRefused(dcs.readFresh(LIMITS), /is not PostgreSQL/);
    });
  }
  talker.close();
  await talking;
  // A port that takes connections and says nothing.
  const silent = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  await withDcs(silent.addr, {}, async (dcs) => {
    const call = dcs.readFresh(SHORT_LIMITS);
    await isRefused(call, /Cannot reach PostgreSQL/, DcsUnreachableError);
  });
  silent.close();
}

async function loginsAreTold(): Promise<void> {
  await using server = await StorePostgres.start();
  await withDcs(server, as("postgres", "wrong"), async (dcs) => {
    await isRefused(dcs.readFresh(LIMITS), /login do not fit: password auth/);
  });
  await withDcs(server, { database: "nope" }, async (dcs) => {
    await isRefused(dcs.readFresh(LIMITS), /does not have the database/);
  });
  await server.sql("CREATE USER keeper PASSWORD 'one'");
  await server.sql("REVOKE CREATE ON DATABASE postgres FROM PUBLIC");
  let password = "one";
  const login = {
    login: () => ({ username: "keeper", password, passfile: null }),
  };
  await withDcs(server, login, async (dcs) => {
    assert.deepEqual(await contents(dcs), {});
    const call = put(dcs, "config", "{}");
    await isRefused(call, /does not give this user the rights to keep a scope/);
    // Somebody with rights makes the schema for it.
    await server.sql("CREATE SCHEMA matriarch AUTHORIZATION keeper");
    await put(dcs, "config", "{}");
    assert.deepEqual(await contents(dcs), { config: "{}" });
    await server.sql("ALTER USER keeper PASSWORD 'two'");
    await server.cutSessions();
    await isRefused(dcs.readFresh(LIMITS), /login do not fit/);
    password = "two";
    assert.deepEqual(await contents(dcs), { config: "{}" });
    await server.sql("REVOKE ALL ON matriarch.scopes FROM keeper");
    await server.sql("ALTER TABLE matriarch.scopes OWNER TO postgres");
    await isRefused(
      dcs.readFresh(LIMITS),
      /does not give this user the rights/,
    );
  });
  const passfile = `${server.directory}/pgpass`;
  const escaped = STORE_PASSWORD.replaceAll(":", "\\:");
  await Deno.writeTextFile(
    passfile,
    `# ours\nother:*:*:*:no\n127.0.0.1:${server.port}:*:postgres:${escaped}\n`,
    { mode: 0o600 },
  );
  const url = `postgresql://postgres@127.0.0.1:${server.port}/postgres`;
  await throughSection({ url, passfile }, async (dcs) => {
    assert.deepEqual(await contents(dcs), { config: "{}" });
  });
  await Deno.chmod(passfile, 0o644);
  await throughSection({ url: `${url}?passfile=${passfile}` }, async (dcs) => {
    const call = dcs.readFresh(SHORT_LIMITS);
    await isRefused(call, /others may read it/, DcsUnreachableError);
  });
}

async function certificatesCount(): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "matriarch-tls-" });
  try {
    const ca = await certificate(folder, "ca", null);
    const stranger = await certificate(folder, "stranger", null);
    const pair = await certificate(folder, "server", ca);
    const client = await certificate(folder, "postgres", ca);
    await Promise.all(
      [pair.key, client.key].map((key) => Deno.chmod(key, 0o600)),
    );
    await using server = await StorePostgres.start({
      ...{ ssl: "on", ssl_ca_file: ca.cert },
      ...{ ssl_cert_file: pair.cert, ssl_key_file: pair.key },
    }, ["hostssl all all 127.0.0.1/32 cert", "hostnossl all all all reject"]);
    const hosts = `127.0.0.1:${server.port}`;
    const own = {
      ...{ hosts, username: "postgres" },
      ...{ sslcert: client.cert, sslkey: client.key },
    };
    for (
      const section of [
        { ...own, sslmode: "verify-full", sslrootcert: ca.cert },
        { ...own, sslmode: "verify-ca", sslrootcert: ca.cert },
        { ...own, sslmode: "require" },
        own,
        {
          ...{ sslcert: client.cert, sslkey: client.key },
          url: `postgresql://postgres@${hosts}/postgres?sslmode=verify-full&` +
            `sslrootcert=${encodeURIComponent(ca.cert)}`,
        },
      ]
    ) {
      // A tool does not make the schema.
      await withDcs(server, {
        tls: { sslcert: client.cert, sslkey: client.key },
      }, (dcs) => put(dcs, "config", JSON.stringify(section)).then(() => {}));
      await throughSection(section, async (dcs) => {
        const { config } = await contents(dcs);
        assert.equal(config, JSON.stringify(section));
      });
    }
    const wrong = {
      ...own,
      sslmode: "verify-full",
      sslrootcert: stranger.cert,
    };
    await throughSection(wrong, async (dcs) => {
      const call = dcs.readFresh(SHORT_LIMITS);
      await isRefused(call, /certificate|issuer/i, DcsUnreachableError);
    });
    await throughSection({ hosts, username: "postgres" }, async (dcs) => {
      await isRefused(dcs.readFresh(LIMITS), /login do not fit/);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  await using plain = await StorePostgres.start();
  await withDcs(plain, { tls: { sslmode: "require" } }, async (dcs) => {
    await isRefused(dcs.readFresh(LIMITS), /has no TLS, and sslmode wants it/);
  });
}

async function strangersRowsAreRefused(): Promise<void> {
  await using server = await StorePostgres.start();
  await withDcs(server, { isMaker: false }, async (dcs) => {
    const call = dcs.readFresh(LIMITS);
    await isRefused(
      call,
      /no scopes in the schema "matriarch"; an agent makes/,
    );
  });
  await withDcs(server, {}, async (dcs) => {
    await put(dcs, "config", "{}");
    for (
      const [change, text] of [
        ["document = '{\"format\":9}'", /newer version of Matriarch/],
        ["document = '[]'", /is no document of Matriarch's/],
        ["version = 'x'", /has no version of Matriarch's/],
      ] as const
    ) {
      await server.sql(
        `UPDATE matriarch.scopes SET version = '7.00000000000000aa'`,
      );
      await server.sql(`UPDATE matriarch.scopes SET ${change}`);
      await isRefused(dcs.readFresh(LIMITS), text);
      await isRefused(put(dcs, "config", "1"), text);
    }
    await server.sql("ALTER TABLE matriarch.scopes RENAME document TO other");
    await isRefused(dcs.readFresh(LIMITS), /refuses: column "document"/);
    await server.sql("DROP TABLE matriarch.scopes");
    assert.deepEqual(await contents(dcs), {});
    await put(dcs, "config", "2");
    assert.deepEqual(await contents(dcs), { config: "2" });
  });
  const odd = `odd "schema' \\ name`;
  await withDcs(
    server,
    { schema: odd, scopePath: "/it's/a\\b" },
    async (dcs) => {
      await put(dcs, "a\\'b", "c\\'\u0000\ud800d");
      assert.deepEqual(await contents(dcs), { "a\\'b": "c\\'\u0000\ud800d" });
    },
  );
}

/** The standby never got the last saves, and takes over. */
async function failoverForgetsNobody(): Promise<void> {
  const ttlMs = 6000;
  await using old = await StorePostgres.start();
  await using standby = await old.standby();
  const hosts = [old, standby].map(({ port }) => ({ host: "127.0.0.1", port }));
  const warnings: string[] = [];
  const warn = (text: string) => void warnings.push(text);
  await withDcs(
    old,
    { hosts, warn },
    (n2) =>
      withDcs(old, { hosts }, async (n1) => {
        const two = (await n2.openSession(12_000, LIMITS)).id;
        const mark = await put(n2, "mark", "1");
        assert.equal(mark.kind, "done");
        await eventually(async () => {
          const rows = await standby.sql(
            "SELECT document FROM matriarch.scopes",
          ).catch(() => []);
          return String(rows[0]?.["document"]).includes("mark");
        }, () => "the standby does not follow");
        await standby.sql("ALTER SYSTEM SET primary_conninfo = ''");
        await standby.sql("SELECT pg_reload_conf()");
        await eventually(async () => {
          const rows = await old.sql("SELECT pid FROM pg_stat_replication");
          return rows.length === 0;
        }, () => "the standby still follows");
        const { id: one } = await n1.openSession(ttlMs, LIMITS);
        const lead = { value: "n1", guard: ABSENT, session: one };
        assert.equal((await guardedPut(n1, "leader", lead)).kind, "done");
        const granted = performance.now();
        await old.kill();
        await standby.promote();
        let answer = "";
        await eventually(
          async () => {
            const bid = { value: "n2", guard: ABSENT, session: two };
            try {
              await n2.renewSession(two, LIMITS);
              const { kind } = await guardedPut(n2, "leader", bid);
              // The first word of the new server is no.
              if (answer === "") assert.equal(kind, "condition_failed");
              answer = kind;
            } catch (error) {
              assert.ok(error instanceof DcsUnreachableError, String(error));
            }
            return answer === "done";
          },
          () => answer,
          120_000,
        );
        const heldMs = performance.now() - granted;
        assert.ok(heldMs >= ttlMs, `granted again after ${heldMs} ms`);
        assert.equal(await n1.renewSession(one, LIMITS), "gone");
      }),
  );
  assert.match(warnings.join("\n"), /nobody takes the lead for 12 s/);
}

unprivileged(import.meta.url, () => {
  Deno.test("the cluster's own PostgreSQL is refused", itsOwnIsRefused);
  Deno.test(
    "a server that takes no writes, or forgets, is passed over",
    wrongServersAreRefused,
  );
  Deno.test(
    "a server of another kind on the port is named as one",
    strangersAreNamed,
  );
  Deno.test("logins and rights that do not fit are told apart", loginsAreTold);
  Deno.test(
    "certificates of the section open it, others do not",
    certificatesCount,
  );
  Deno.test(
    "a table that is not ours is refused, a lost one is made anew",
    strangersRowsAreRefused,
  );
  Deno.test(
    "a failover that forgets the leader gives nobody the lead too early",
    failoverForgetsNobody,
  );
});
