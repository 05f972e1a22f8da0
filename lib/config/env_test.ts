import assert from "node:assert/strict";
import fc from "fast-check";
import { FIXED_NAMES } from "./env_names.ts";
import {
  readEnvironment,
  wholeConfigurationText,
  withCredentials,
} from "./env.ts";

type EnvCase = readonly [string, Readonly<Record<string, string>>, unknown];

const CASES: readonly EnvCase[] = [
  ["texts stay texts", {
    PATRONI_NAME: "a",
    PATRONI_SCOPE: "s",
    PATRONI_THREAD_POOL_SIZE: "8",
  }, { name: "a", scope: "s", thread_pool_size: "8" }],
  ["empty fixed names are ignored", { PATRONI_NAME: "" }, {}],
  ["ints are read like strtol", {
    PATRONI_LOG_MODE: "0644",
    PATRONI_LOG_FILE_NUM: "4",
  }, { log: { file_num: 4, mode: 420 } }],
  ["an int with a unit is dropped", { PATRONI_LOG_FILE_SIZE: "25MB" }, {}],
  ["bools", {
    PATRONI_CTL_INSECURE: "On",
    PATRONI_LOG_DEDUPLICATE_HEARTBEAT_LOGS: "maybe",
  }, { ctl: { insecure: true } }],
  ["bare list", { PATRONI_ETCD3_HOSTS: "a:1,b:2" }, {
    etcd3: { hosts: ["a:1", "b:2"] },
  }],
  ["quoted list", { PATRONI_ETCD3_HOSTS: "'a:1','b:2'" }, {
    etcd3: { hosts: ["a:1", "b:2"] },
  }],
  ["IPv6 list", { PATRONI_ETCD3_HOSTS: "['[::1]:2379']" }, {
    etcd3: { hosts: ["[::1]:2379"] },
  }],
  ["block list", { PATRONI_RESTAPI_ALLOWLIST: "- a\n- b" }, {
    restapi: { allowlist: ["a", "b"] },
  }],
  ["broken list is dropped", { PATRONI_ETCD3_HOSTS: "[a" }, {}],
  ["bare map", { PATRONI_LOG_LOGGERS: "a.b: WARNING, c: DEBUG" }, {
    log: { loggers: { "a.b": "WARNING", c: "DEBUG" } },
  }],
  ["map", { PATRONI_RESTAPI_HTTP_EXTRA_HEADERS: "{'X-A': b}" }, {
    restapi: { http_extra_headers: { "X-A": "b" } },
  }],
  ["log format as text", { PATRONI_LOG_FORMAT: "%(asctime)s [x]" }, {
    log: { format: "%(asctime)s [x]" },
  }],
  ["log format as list", { PATRONI_LOG_FORMAT: "asctime,message" }, {
    log: { format: ["asctime", "message"] },
  }],
  ["legacy names", { PATRONI_LOGLEVEL: "DEBUG" }, { log: { level: "DEBUG" } }],
  ["the new name wins", {
    PATRONI_LOGLEVEL: "DEBUG",
    PATRONI_LOG_LEVEL: "ERROR",
  }, { log: { level: "ERROR" } }],
  ["authentication", {
    PATRONI_SUPERUSER_USERNAME: "postgres",
    PATRONI_REPLICATION_SSLMODE: "require",
    PATRONI_RESTAPI_PASSWORD: "p",
    PATRONI_CTL_USERNAME: "u",
  }, {
    ctl: { authentication: { username: "u" } },
    postgresql: {
      authentication: {
        superuser: { username: "postgres" },
        replication: { sslmode: "require" },
      },
    },
    restapi: { authentication: { password: "p" } },
  }],
  ["programs, and the manual's spelling", {
    PATRONI_POSTGRESQL_BIN_PG_CTL: "pg_ctl15",
    PATRONI_POSTGRESQL_BIN_IS_READY: "ready15",
    PATRONI_POSTGRESQL_BIN_DIR: "/b",
  }, {
    postgresql: {
      bin_dir: "/b",
      bin_name: { pg_ctl: "pg_ctl15", pg_isready: "ready15" },
    },
  }],
  ["generic suffixes work for any section", {
    PATRONI_POSTGRESQL_HOST: "x",
    PATRONI_ETCD3_PORT: "2379",
    PATRONI_ETCD3_USE_PROXIES: "true",
    PATRONI_KUBERNETES_LABELS: "a: b",
  }, {
    etcd3: { port: 2379, use_proxies: true },
    kubernetes: { labels: { a: "b" } },
    postgresql: { host: "x" },
  }],
  ["generic suffixes keep an empty value", {
    PATRONI_ETCD3_URL: "",
    PATRONI_KUBERNETES_LABELS: "",
    PATRONI_ETCD3_PORT: "",
  }, { etcd3: { port: "", url: "" }, kubernetes: { labels: {} } }],
  ["citus reads two suffixes and swallows the others", {
    PATRONI_CITUS_GROUP: "1",
    PATRONI_CITUS_DATABASE: "d",
    PATRONI_CITUS_HOST: "h",
  }, { citus: { database: "d", group: 1 } }],
  ["use_ssl is a boolean here", { PATRONI_ZOOKEEPER_USE_SSL: "false" }, {
    zookeeper: { use_ssl: false },
  }],
  ["our own sections", {
    PATRONI_SQLITE_PATH: "/tmp/x",
    PATRONI_PROXY_PRIMARY_PORT: "15000",
  }, { proxy: { primary_port: "15000" }, sqlite: { path: "/tmp/x" } }],
  ["others are not ours", { PATH: "/bin", PATRONICTL_CONFIG_FILE: "x" }, {}],
];

Deno.test("readEnvironment() follows section 5", () => {
  for (const [name, env, expected] of CASES) {
    assert.deepEqual(readEnvironment(env).document, expected, name);
  }
});

Deno.test("readEnvironment() names what it consumed and what it did not", () => {
  const { consumed, warnings } = readEnvironment({
    PATH: "/bin",
    PATRONI_NAME: "a",
    PATRONI_CONFIGURATION: "x",
    PATRONI_CITUS_HOST: "h",
    PATRONI_SUPERUSER_USERNMAE: "typo",
    PATRONI_LOG_MODE: "hunter2",
  });
  assert.deepEqual([...consumed].sort(), [
    "PATRONI_CITUS_HOST",
    "PATRONI_CONFIGURATION",
    "PATRONI_LOG_MODE",
    "PATRONI_NAME",
  ]);
  assert.deepEqual(warnings.map(({ path }) => path), [
    "PATRONI_LOG_MODE",
    "PATRONI_SUPERUSER_USERNMAE",
  ]);
  assert.equal(JSON.stringify(warnings).includes("hunter2"), false);
});

Deno.test("withCredentials() adds etcd credentials only to a present section", () => {
  const { document, credentials } = readEnvironment({
    PATRONI_ETCD3_USERNAME: "u",
    PATRONI_ETCD3_PASSWORD: "p",
  });
  assert.deepEqual(document, {});
  assert.deepEqual(withCredentials({ scope: "s" }, credentials), {
    scope: "s",
  });
  assert.deepEqual(withCredentials({ etcd3: { host: "h" } }, credentials), {
    etcd3: { host: "h", username: "u", password: "p" },
  });
});

Deno.test("wholeConfigurationText() is null when unset or empty", () => {
  assert.equal(wholeConfigurationText({}), null);
  assert.equal(wholeConfigurationText({ PATRONI_CONFIGURATION: "" }), null);
  assert.equal(
    wholeConfigurationText({ PATRONI_CONFIGURATION: "a: 1" }),
    "a: 1",
  );
});

Deno.test("readEnvironment() accepts any environment", () => {
  const names = fc.oneof(
    fc.constantFrom(...FIXED_NAMES.keys()),
    fc.constantFrom("ETCD3_HOSTS", "__proto___HOST", "CITUS_PORT", "A_LABELS"),
    fc.string(),
  ).map((name) => `PATRONI_${name}`);
  fc.assert(fc.property(fc.dictionary(names, fc.string()), (env) => {
    const { document } = readEnvironment(env);
    assert.equal(typeof document, "object");
  }));
});
