import assert from "node:assert/strict";
import { readEnvironment } from "../env.ts";
import { Wanted } from "../fields.ts";
import { readStore } from "./all.ts";
import type { PgstoreConfig } from "./pgstore.ts";

const DEFAULTS: PgstoreConfig = {
  kind: "pgstore",
  hosts: [{ host: "h", port: 5432 }],
  database: "postgres",
  schema: "matriarch",
  username: null,
  password: null,
  passfile: null,
  tls: {},
};

Deno.test("each form of the section pgstore leads to its hosts", () => {
  const two = [{ host: "h", port: 5432 }, { host: "::1", port: 6 }];
  const cases: readonly (readonly [object, Partial<PgstoreConfig>])[] = [
    [{ hosts: "h" }, {}],
    [{ hosts: "h,[::1]:6" }, { hosts: two }],
    [{ hosts: ["h", "[::1]:6"] }, { hosts: two }],
    [{ hosts: "/run/pg:6" }, { hosts: [{ host: "/run/pg", port: 6 }] }],
    [{ hosts: ["/run/pg"] }, { hosts: [{ host: "/run/pg", port: 5432 }] }],
    [{ url: "postgresql://h" }, {}],
    [{ url: "postgres://h,[::1]:6/" }, { hosts: two }],
    [{ url: "postgresql://%2Frun%2Fpg:6/d" }, {
      ...{ hosts: [{ host: "/run/pg", port: 6 }], database: "d" },
    }],
    [{ url: "postgresql://u:p%40:%2F@h/d?target_session_attrs=read-write" }, {
      ...{ username: "u", password: "p@:/", database: "d" },
    }],
    // The address counts before the other keys.
    [{
      ...{ url: "postgresql://u@h?sslmode=require&passfile=/p", hosts: "x" },
      ...{ username: "v", password: "w", sslmode: "disable", passfile: "/q" },
    }, {
      ...{ username: "u", password: "w", passfile: "/p" },
      tls: { sslmode: "require" },
    }],
    [{ hosts: "h", url: "", username: "", sslmode: "", schema: "" }, {}],
    [{
      ...{ hosts: "h", sslmode: "verify-full", sslrootcert: "/ca" },
      ...{ sslcert: "/c", sslkey: "/k", schema: "Ours", database: "x" },
    }, {
      tls: {
        ...{ sslmode: "verify-full", sslrootcert: "/ca" },
        ...{ sslcert: "/c", sslkey: "/k" },
      },
      ...{ schema: "Ours", database: "x" },
    }],
  ];
  for (const [section, wanted] of cases) {
    assert.deepEqual(
      readStore({ pgstore: { ...section } }),
      { ...DEFAULTS, ...wanted },
      JSON.stringify(section),
    );
  }
});

Deno.test("what the section pgstore cannot mean is said by its key", () => {
  const cases: readonly (readonly [object, string])[] = [
    [{}, "pgstore.hosts"],
    [{ hosts: "h:99999" }, "pgstore.hosts"],
    [{ hosts: "/run/pg:1:2" }, "pgstore.hosts"],
    [{ url: "h" }, "pgstore.url"],
    [{ url: "postgresql://" }, "pgstore.url"],
    [{ url: "postgresql://h,:5" }, "pgstore.url"],
    [{ url: "postgresql://u:%zz@h" }, "pgstore.url"],
    [{ url: "postgresql://h?sslmode=require?x" }, "pgstore.url"],
    [{ url: "postgresql://h?options=-c" }, "pgstore.url"],
    [{ url: "postgresql://h?target_session_attrs=any" }, "pgstore.url"],
    [{ hosts: "h", sslmode: "maybe" }, "pgstore.sslmode"],
    [{ hosts: "h", schema: "pg_mine" }, "pgstore.schema"],
    [{ hosts: "h", schema: "x".repeat(64) }, "pgstore.schema"],
    [{ hosts: "h", sslrootcert: "system", sslmode: "require" }, "pgstore"],
  ];
  for (const [section, path] of cases) {
    const result = readStore({ pgstore: { ...section } });
    assert.ok(result instanceof Wanted, JSON.stringify(section));
    assert.deepEqual(result.misfits.map((one) => one.path.join(".")), [path]);
  }
});

Deno.test("variables make the section pgstore", () => {
  const { document, warnings } = readEnvironment({
    PATRONI_PGSTORE_HOSTS: "h",
    PATRONI_PGSTORE_DATABASE: "d",
    PATRONI_PGSTORE_SCHEMA: "s",
    PATRONI_PGSTORE_USERNAME: "u",
    PATRONI_PGSTORE_PASSWORD: "p",
    PATRONI_PGSTORE_PASSFILE: "/f",
    PATRONI_PGSTORE_SSLMODE: "verify-ca",
    PATRONI_PGSTORE_SSLROOTCERT: "/ca",
    PATRONI_PGSTORE_SSLCERT: "/c",
    PATRONI_PGSTORE_SSLKEY: "/k",
  });
  assert.deepEqual(warnings, []);
  assert.deepEqual(readStore(document), {
    ...DEFAULTS,
    ...{ database: "d", schema: "s", username: "u", password: "p" },
    passfile: "/f",
    tls: {
      ...{ sslmode: "verify-ca", sslrootcert: "/ca" },
      ...{ sslcert: "/c", sslkey: "/k" },
    },
  });
});
