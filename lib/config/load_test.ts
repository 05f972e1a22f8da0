import assert from "node:assert/strict";
import fc from "fast-check";
import { FULL_YAML, MINIMAL_YAML } from "./fixtures/examples.ts";
import { memoryReader } from "./fixtures/memory_reader.ts";
import { loadConfig, loadDocument, type LoadedConfig } from "./load.ts";
import { ConfigError } from "./problems.ts";
import { redactText } from "./secrets.ts";

type Files = Readonly<Record<string, string>>;

function load(
  text: string,
  env: Readonly<Record<string, string>> = {},
): Promise<LoadedConfig> {
  const reader = memoryReader({ "/m.yml": text });
  return loadConfig({ path: "/m.yml", env, reader });
}

async function document(files: Files, path: string | null, env = {}) {
  const reader = memoryReader(files);
  return await loadDocument({ path, env, reader });
}

Deno.test("loadConfig() reads the minimal example without warnings", async () => {
  const { config, warnings, source } = await load(MINIMAL_YAML);
  assert.deepEqual(warnings, []);
  assert.deepEqual(source, { kind: "files", files: ["/m.yml"] });
  assert.equal(config.name, "orders-a");
  assert.equal(config.namespace, "service");
  assert.deepEqual(config.restapi.connectAddress, {
    host: "10.20.0.21",
    port: 8008,
  });
  assert.deepEqual(config.bootstrap?.method, {
    kind: "initdb",
    options: ["--encoding=UTF8", "--data-checksums"],
  });
  assert.equal(config.dcs.kind, "etcd3");
  assert.equal(config.proxy?.primaryPort, 5000);
});

Deno.test("loadConfig() reads the full example without warnings", async () => {
  const { config, warnings } = await load(FULL_YAML);
  assert.deepEqual(warnings, []);
  assert.equal(config.namespace, "prod");
  assert.equal(config.log.mode, 0o640);
  assert.equal(config.log.dateformat, "%Y-%m-%dT%H:%M:%S%z");
  assert.deepEqual(config.restapi.listen, { hosts: ["::"], port: 8008 });
  assert.equal(config.restapi.serverTokens, "minimal");
  assert.equal(config.restapi.verifyClient, "optional");
  assert.deepEqual(config.postgresql.listen.hosts, ["10.30.1.11", "127.0.0.1"]);
  assert.deepEqual(config.postgresql.authentication.replication.options, {
    sslmode: "verify-full",
    sslrootcert: "/etc/ledger/tls/ca.crt",
  });
  assert.equal(config.bootstrap?.method.kind, "custom");
  assert.equal(config.watchdog.mode, "required");
  assert.equal(config.tags.published["datacenter"], "east");
  assert.ok(config.dcs.kind === "etcd3");
  assert.equal(config.dcs.endpoints[0], "https://etcd-1.example.net:2379");
});

Deno.test("loadDocument() merges the files of a directory in code-point order", async () => {
  const loaded = await document({
    "/c/b.yml": "scope: b\nlist: [2]\nmap: {y: 2}\ngone: null",
    "/c/.a.yaml": "scope: a\nlist: [1]\nmap: {x: 1}\ngone: 1\nport: 5432",
    "/c/Z.yml": "port: '5432'",
    "/c/readme.txt": "- not read",
    "/c/sub.yml/x.yml": "scope: nested",
  }, "/c");
  assert.deepEqual(loaded.document, {
    scope: "b",
    list: [2],
    map: { x: 1, y: 2 },
    port: 5432,
  });
  assert.deepEqual(loaded.source, {
    kind: "files",
    files: ["/c/.a.yaml", "/c/Z.yml", "/c/b.yml"],
  });
});

Deno.test("loadDocument() lays the environment over the file", async () => {
  const loaded = await document(
    { "/m.yml": "name: a\nscope: s\nsnull: null\netcd3: {host: h}" },
    "/m.yml",
    { PATRONI_NAME: "b", PATRONI_ETCD3_PASSWORD: "p" },
  );
  assert.deepEqual(loaded.document, {
    name: "b",
    scope: "s",
    etcd3: { host: "h", password: "p" },
  });
  assert.deepEqual(loaded.consumedVariables, [
    "PATRONI_ETCD3_PASSWORD",
    "PATRONI_NAME",
  ]);
});

Deno.test("loadDocument() takes PATRONI_CONFIGURATION as a whole", async () => {
  const env = { PATRONI_CONFIGURATION: "name: x", PATRONI_SCOPE: "ignored" };
  const loaded = await document({}, null, env);
  assert.deepEqual(loaded.document, { name: "x" });
  assert.equal(loaded.source.kind, "configuration_variable");
});

Deno.test("loadDocument() falls back to the environment, and says so", async () => {
  for (const configuration of ["", "{}", "null"]) {
    const env = {
      PATRONI_NAME: "x",
      PATRONI_CONFIGURATION: configuration,
    };
    const loaded = await document({}, "/missing.yml", env);
    assert.deepEqual(loaded.document, { name: "x" });
    assert.equal(loaded.source.kind, "environment");
    assert.match(loaded.warnings[0]?.text ?? "", /missing\.yml does not exist/);
  }
});

interface Failure {
  readonly files?: Files;
  readonly path: string | null;
  readonly env?: Readonly<Record<string, string>>;
  readonly message: string | RegExp;
  readonly logs?: readonly string[];
}

const FAILURES: readonly Failure[] = [
  { path: null, message: "Config is empty." },
  {
    path: "/missing.yml",
    message: "Config is empty. /missing.yml does not exist, and no PATRONI_ " +
      "variable is set.",
  },
  {
    path: "/dev/null",
    message: "invalid config path",
    logs: ["config path /dev/null is neither directory nor file"],
  },
  {
    files: { "/m.yml": "" },
    path: "/m.yml",
    message: "invalid config file /m.yml",
    logs: ["/m.yml does not contain a dict"],
  },
  {
    files: { "/c/a.yml": "a: 1", "/c/b.yml": "[1]" },
    path: "/c",
    message: "invalid config file /c/b.yml",
    logs: ["/c/b.yml does not contain a dict"],
  },
  { files: { "/c/x.txt": "" }, path: "/c", message: "Config is empty." },
  {
    files: { "/m.yml": "postgresql: {parameters: [1]}" },
    path: "/m.yml",
    message: "postgresql.parameters is not a dictionary",
  },
  {
    files: { "/m.yml": "password: 'open" },
    path: "/m.yml",
    message:
      /^Cannot read configuration \/m\.yml as YAML: line 1, column \d+: /,
  },
  {
    path: null,
    env: { PATRONI_CONFIGURATION: "[1]" },
    message: "invalid config file PATRONI_CONFIGURATION",
    logs: ["PATRONI_CONFIGURATION does not contain a dict"],
  },
];

Deno.test("loadDocument() reports startup problems with Patroni's texts", async () => {
  for (const { files = {}, path, env, message, logs = [] } of FAILURES) {
    await assert.rejects(document(files, path, env), (error) => {
      assert.ok(error instanceof ConfigError);
      if (typeof message === "string") assert.equal(error.message, message);
      else assert.match(error.message, message);
      assert.deepEqual(error.logs, logs);
      return true;
    });
  }
});

Deno.test("loadDocument() warns of a number that stands for a text", async () => {
  const rewritten = [
    "0777",
    "1_000",
    "12:30:45",
    "1.10",
    "0x1F",
    "+7",
    "01234567012345670123456",
  ];
  for (const source of rewritten) {
    const files = { "/m.yml": `b: 1\na: {password: ${source}}` };
    const [{ path, text } = { path: "", text: "" }, ...rest] =
      (await document(files, "/m.yml")).warnings;
    assert.equal(path, "a.password", source);
    assert.match(text, /^a\.password \(\/m\.yml, line 2\) is a number/);
    assert.ok(!text.includes(source), "the secret is not shown");
    assert.equal(redactText(text), text, "the log must not garble it");
    assert.deepEqual(rest, []);
  }
  const harmless = [
    "password: 12345",
    'password: "0123"',
    "password: a0123",
    "mode: 0644",
    "max_wal_size: 1_000",
  ];
  for (const line of harmless) {
    const { warnings } = await document({ "/m.yml": line }, "/m.yml");
    assert.deepEqual(warnings, [], line);
  }
});

Deno.test("loadConfig() reports a file that cannot be read", async () => {
  const reader = {
    ...memoryReader({ "/m.yml": "a: 1" }),
    read: () => Promise.reject(new Error("Permission denied")),
  };
  await assert.rejects(
    loadConfig({ path: "/m.yml", env: {}, reader }),
    (error) =>
      error instanceof ConfigError &&
      error.message === "Cannot read configuration /m.yml: Permission denied",
  );
});

Deno.test("a line about a PATRONI_x_PASSWORD variable survives the log", async () => {
  const env = { PATRONI_SUPERUSR_PASSWORD: "hunter2" };
  const { warnings } = await document({ "/m.yml": "a: 1" }, "/m.yml", env);
  const [line] = warnings.map(({ text }) => redactText(text));
  assert.equal(
    line,
    "Environment variable PATRONI_SUPERUSR_PASSWORD is not known and sets " +
      "nothing",
  );
});

Deno.test("loadConfig() never throws anything but ConfigError", async () => {
  const keys = fc.constantFrom(
    ..."scope name namespace log restapi ctl etcd3 sqlite bootstrap postgresql watchdog tags proxy listen connect_address data_dir authentication superuser replication rewind username password parameters pg_hba hosts host url path dcs initdb method command mode callbacks create_replica_methods basebackup __proto__ constructor"
      .split(" "),
  );
  const scalars = fc.oneof(
    fc.string(),
    fc.constantFrom("a:1", "*", "[::1]:5", "http://u:p@h", "0x1", "5min"),
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      scalars,
      fc.array(tie("tree"), { maxLength: 4 }),
      tie("map"),
    ),
    map: fc.dictionary(keys, tie("tree"), { maxKeys: 12 }),
  }));
  const documents = fc.dictionary(keys, tree, { maxKeys: 12 });
  await fc.assert(
    fc.asyncProperty(documents, async (content) => {
      await onlyConfigErrors(JSON.stringify(content));
    }),
    { numRuns: 500 },
  );
});

/** How every password of the example begins. */
const SECRET = "change-me";

Deno.test("loadConfig() survives damage anywhere in a good file", async () => {
  const places = fc.nat({ max: FULL_YAML.length });
  const lines = new Set(FULL_YAML.split("\n"));
  await fc.assert(
    fc.asyncProperty(places, fc.nat(40), fc.string(), async (at, cut, put) => {
      const damaged = FULL_YAML.slice(0, at) + put + FULL_YAML.slice(at + cut);
      // Under another key nobody can know that it was a password.
      const isMisplaced = damaged.split("\n").some((line) =>
        line.includes(SECRET) && !lines.has(line)
      );
      if (!isMisplaced) await onlyConfigErrors(damaged);
    }),
    { numRuns: 500 },
  );
});

async function onlyConfigErrors(text: string): Promise<void> {
  try {
    await load(text);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.equal(error.message.includes(SECRET), false, error.message);
  }
}
