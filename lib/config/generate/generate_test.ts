import assert from "node:assert/strict";
import { isConfigMap } from "../../core/calc/documents/config_merge.ts";
import { parseYaml11 } from "../../patroni/yaml_1_1.ts";
import { parseDsn } from "./dsn.ts";
import { runningConfiguration } from "./running.ts";
import { type GeneratorWorld, readServer } from "./server.ts";
import { majorVersion, sampleConfiguration, template } from "./template.ts";
import { configurationYaml } from "./yaml_out.ts";

const HOST = { hostName: "db1", address: "10.0.0.1" };

Deno.test("the sample is a whole configuration for its version", () => {
  const text = configurationYaml(sampleConfiguration(template(HOST, {}), 15));
  assert.ok(!text.endsWith("\n"));
  const keys = [...text.matchAll(/^(\w+):/gm)].map(([, key]) => key);
  assert.deepEqual(keys, [
    "scope",
    "name",
    "log",
    "restapi",
    "bootstrap",
    "postgresql",
    "tags",
  ]);
  assert.match(
    text,
    /\n\n# Read once[^]*\nbootstrap:\n[^]* {4}loop_wait: 10\n {4}retry_timeout: 10\n {4}ttl: 30\n {4}postgresql:\n/,
  );
  const document = parseYaml11(text);
  assert.ok(isConfigMap(document));
  assert.deepEqual(document["restapi"], {
    listen: "10.0.0.1:8008",
    connect_address: "10.0.0.1:8008",
  });
  const postgresql = document["postgresql"];
  assert.ok(isConfigMap(postgresql));
  assert.deepEqual(postgresql["pg_hba"], [
    "host all all all scram-sha-256",
    "host replication replicator all scram-sha-256",
  ]);
});

Deno.test("older versions get what they know", () => {
  const text = configurationYaml(sampleConfiguration(template(HOST, {}), 9.5));
  assert.match(text, /wal_level: hot_standby/);
  assert.match(text, /wal_keep_segments: 8/);
  assert.match(text, /password_encryption: md5/);
  assert.doesNotMatch(text, /rewind_user|wal_keep_size/);
});

Deno.test("the environment wins over the template, and adds its sections", () => {
  const environment = { scope: "demo", etcd3: { hosts: ["a:1"] } };
  const text = configurationYaml(template(HOST, environment));
  assert.match(text, /^scope: demo\nname: db1\n/);
  assert.match(text, /\n\netcd3:\n {2}hosts:\n {2}- a:1\n/);
});

Deno.test("versions are read from what the program prints", () => {
  assert.equal(majorVersion("postgres (PostgreSQL) 15.18 (Debian)"), 15);
  assert.equal(majorVersion("postgres (PostgreSQL) 9.6.24"), 9.6);
  assert.equal(majorVersion("no"), null);
});

const DSNS: readonly (readonly [string, Record<string, string> | null])[] = [
  ["host=h port=5 user='a b'", { host: "h", port: "5", user: "a b" }],
  ["password='it\\'s' dbname = d", { password: "it's", dbname: "d" }],
  [
    "postgres://u:p%40@[::1]:5/d?sslmode=require",
    {
      user: "u",
      password: "p@",
      host: "::1",
      port: "5",
      dbname: "d",
      sslmode: "require",
    },
  ],
  ["", {}],
  ["nonsense", null],
  ["host=h nonsense", null],
];

for (const [text, values] of DSNS) {
  Deno.test(`the DSN ${text}`, () => {
    const parsed = parseDsn(text);
    assert.deepEqual(parsed && Object.fromEntries(parsed), values);
  });
}

const SETTINGS: readonly (readonly string[])[] = [
  ["data_directory", "/data", "override", "internal"],
  ["port", "5433", "command line", "postmaster"],
  ["listen_addresses", "*", "configuration file", "postmaster"],
  ["cluster_name", "main", "configuration file", "postmaster"],
  ["max_connections", "200", "configuration file", "postmaster"],
  ["max_wal_senders", "1", "configuration file", "postmaster"],
  ["work_mem", "4MB", "default", "user"],
  ["shared_buffers", "16MB", "configuration file", "postmaster"],
  ["restore_command", "cp", "configuration file", "sighup"],
  ["recovery_target", "immediate", "configuration file", "postmaster"],
  ["hba_file", "/data/pg_hba.conf", "override", "postmaster"],
  ["ident_file", "/etc/pg_ident.conf", "override", "postmaster"],
];

const FILES: Readonly<Record<string, string>> = {
  "/data/postmaster.pid": "42\n/data\n",
  "/data/pg_hba.conf": "# x\n\nlocal all all trust\n",
};

function worldOf(over: Partial<GeneratorWorld> = {}): GeneratorWorld {
  return {
    dsn: "host=h user=admin sslmode=require channel_binding=prefer",
    environment: {},
    osUser: "joe",
    hostAddress: "10.0.0.1",
    query: (_target, sql) =>
      Promise.resolve({
        kind: "rows",
        rows: sql.includes("is_superuser") ? [["on", "12.4"]] : SETTINGS,
      }),
    readFile: (path) => Promise.resolve(FILES[path] ?? null),
    readLink: (path) =>
      Promise.resolve(path === "/proc/42/exe" ? "/usr/pg/bin/postgres" : null),
    askPassword: () => Promise.resolve("asked"),
    ...over,
  };
}

Deno.test("a running server becomes a configuration", async () => {
  const facts = await readServer(worldOf());
  const document = runningConfiguration(template(HOST, {}), facts);
  assert.equal(document["scope"], "main");
  const postgresql = document["postgresql"];
  assert.ok(isConfigMap(postgresql));
  const { pg_hba, bin_dir, listen, connect_address, parameters, data_dir } =
    postgresql;
  assert.deepEqual({ pg_hba, bin_dir, listen, connect_address, data_dir }, {
    pg_hba: ["local all all trust"],
    bin_dir: "/usr/pg/bin",
    listen: "*:5433",
    connect_address: "10.0.0.1:5433",
    data_dir: "/data",
  });
  assert.deepEqual(parameters, {
    restore_command: "cp",
    hba_file: "/data/pg_hba.conf",
    ident_file: "/etc/pg_ident.conf",
  });
  assert.deepEqual(postgresql["authentication"], {
    superuser: { username: "admin", sslmode: "require", password: "asked" },
    replication: { username: "#FIXME", password: "#FIXME" },
  });
  const text = configurationYaml(document);
  assert.match(text, /max_connections: '200'/);
  assert.match(text, /shared_buffers: 16MB/);
  assert.match(text, /max_wal_senders: 10/);
  assert.doesNotMatch(text, /work_mem|recovery_target|pg_ident:/);
});

Deno.test("a server that cannot be read is said in one line", async () => {
  const cases: readonly (readonly [Partial<GeneratorWorld>, string])[] = [
    [{ dsn: "x" }, "Failed to parse DSN string"],
    [
      { query: () => Promise.resolve({ kind: "failed", message: "no" }) },
      "Failed to establish PostgreSQL connection: no",
    ],
    [
      { query: () => Promise.resolve({ kind: "rows", rows: [["off", "15"]] }) },
      "The provided user does not have superuser privilege",
    ],
    [
      { readFile: () => Promise.resolve(null) },
      "Failed to obtain postmaster pid from postmaster.pid file",
    ],
    [
      { readLink: () => Promise.resolve(null) },
      "Obtained postmaster pid doesn't exist.",
    ],
  ];
  for (const [over, message] of cases) {
    await assert.rejects(readServer(worldOf(over)), { message });
  }
});
