import assert from "node:assert/strict";
import { readEnvironment } from "../env.ts";
import { modernStore } from "../legacy.ts";
import { Wanted } from "../fields.ts";
import { readStore } from "./all.ts";
import type { ZookeeperAccess, ZookeeperConfig } from "./zookeeper.ts";

const ACCESS: ZookeeperAccess = {
  isTls: false,
  cacert: null,
  cert: null,
  key: null,
  keyPassword: null,
  isVerified: true,
  acl: [],
  credentials: [],
};

const DEFAULTS: ZookeeperConfig = {
  kind: "zookeeper",
  hosts: [{ host: "z", port: 2181 }],
  root: "",
  ...ACCESS,
};

Deno.test("each form of the section zookeeper is read", () => {
  const cases: readonly (readonly [object, Partial<ZookeeperConfig>])[] = [
    [{ hosts: "z" }, {}],
    [{ hosts: ["z:2181"] }, {}],
    [{ hosts: "a:1, [::1]:2" }, {
      hosts: [{ host: "a", port: 1 }, { host: "::1", port: 2 }],
    }],
    [{ hosts: ["a:1", "z:2181/some/root"] }, {
      hosts: [{ host: "a", port: 1 }, { host: "z", port: 2181 }],
      root: "/some/root",
    }],
    [{ hosts: "z", use_ssl: true, cacert: "/ca", cert: "/c", key: "/k" }, {
      ...{ isTls: true, cacert: "/ca", cert: "/c", key: "/k" },
    }],
    [{ hosts: "z", use_ssl: "off", verify: false, key_password: "p" }, {
      ...{ isVerified: false, keyPassword: "p" },
    }],
    [{ hosts: "z", auth_data: { digest: "u:p" } }, {
      credentials: [{ scheme: "digest", credential: "u:p" }],
    }],
    [{ hosts: "z", set_acls: { "CN=a": ["all"], "CN=b": ["READ", "Write"] } }, {
      acl: [
        { principal: "CN=a", permissions: 31 },
        { principal: "CN=b", permissions: 3 },
      ],
    }],
    [{ hosts: "z", cacert: "", key: "", auth_data: "", set_acls: "" }, {}],
  ];
  for (const [section, wanted] of cases) {
    assert.deepEqual(
      readStore({ zookeeper: { ...section } }),
      { ...DEFAULTS, ...wanted },
      JSON.stringify(section),
    );
  }
});

Deno.test("Exhibitor's servers have one port", () => {
  const section = { hosts: ["a", "b"], port: "8181", use_ssl: "false" };
  assert.deepEqual(readStore({ exhibitor: section }), {
    kind: "exhibitor",
    hosts: [{ host: "a", port: 8181 }, { host: "b", port: 8181 }],
    pollMs: 300_000,
    ...ACCESS,
  });
  const older = { zookeeper: { hosts: "z", exhibitor: section } };
  assert.deepEqual(modernStore(older), { exhibitor: section });
});

Deno.test("what the sections cannot mean is said by its key", () => {
  const cases: readonly (readonly [object, string])[] = [
    [{ zookeeper: {} }, "zookeeper.hosts"],
    [{ zookeeper: { hosts: "" } }, "zookeeper.hosts"],
    [{ zookeeper: { hosts: [] } }, "zookeeper.hosts"],
    [{ zookeeper: { hosts: "a:b" } }, "zookeeper.hosts"],
    [{ zookeeper: { hosts: "a/x,b" } }, "zookeeper.hosts"],
    [
      { zookeeper: { hosts: "z", set_acls: { a: ["OWN"] } } },
      "zookeeper.set_acls",
    ],
    [
      { zookeeper: { hosts: "z", set_acls: { a: "ALL" } } },
      "zookeeper.set_acls",
    ],
    [{ zookeeper: { hosts: "z", auth_data: "u:p" } }, "zookeeper.auth_data"],
    [{ exhibitor: { hosts: ["a"] } }, "exhibitor.port"],
    [{ exhibitor: { hosts: ["a:1"], port: 1 } }, "exhibitor.hosts"],
    [
      { exhibitor: { hosts: ["a"], port: 1, poll_interval: 0 } },
      "exhibitor.poll_interval",
    ],
  ];
  for (const [document, path] of cases) {
    const result = readStore({ ...document });
    assert.ok(result instanceof Wanted, JSON.stringify(document));
    assert.deepEqual(result.misfits.map((one) => one.path.join(".")), [path]);
  }
});

Deno.test("variables of ZooKeeper make its section", () => {
  const { document, warnings } = readEnvironment({
    PATRONI_ZOOKEEPER_HOSTS: "'z:2181'",
    PATRONI_ZOOKEEPER_USE_SSL: "on",
    PATRONI_ZOOKEEPER_CACERT: "/ca",
    PATRONI_ZOOKEEPER_KEY_PASSWORD: "p",
    PATRONI_ZOOKEEPER_VERIFY: "false",
    PATRONI_ZOOKEEPER_SET_ACLS: "{CN=a: [CREATE]}",
    PATRONI_ZOOKEEPER_AUTH_DATA: "digest: 'u:p'",
  });
  assert.deepEqual(warnings, []);
  assert.deepEqual(readStore(document), {
    ...DEFAULTS,
    ...{ isTls: true, cacert: "/ca", keyPassword: "p", isVerified: false },
    acl: [{ principal: "CN=a", permissions: 4 }],
    credentials: [{ scheme: "digest", credential: "u:p" }],
  });
});
