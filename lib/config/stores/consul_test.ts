import assert from "node:assert/strict";
import { readEnvironment } from "../env.ts";
import { readStore } from "./all.ts";
import type { ConsulConfig } from "./consul.ts";
import { Wanted } from "../fields.ts";

const DEFAULTS: ConsulConfig = {
  kind: "consul",
  endpoint: "http://127.0.0.1:8500",
  token: null,
  dc: null,
  consistency: "default",
  isVerified: true,
  cacert: null,
  cert: null,
  key: null,
  checks: [],
  service: {
    isRegistered: false,
    tags: [],
    checkInterval: "5s",
    checkTlsServerName: null,
  },
};

Deno.test("each form of the section consul leads to one address", () => {
  const cases: readonly (readonly [object, Partial<ConsulConfig>])[] = [
    [{ host: "c" }, { endpoint: "http://c:8500" }],
    [{ host: "c:1" }, { endpoint: "http://c:1" }],
    [{ host: "c:1", port: "2" }, { endpoint: "http://c:2" }],
    [{ host: "[::1]:1", scheme: "https" }, { endpoint: "https://[::1]:1" }],
    [{ port: 2 }, { endpoint: "http://127.0.0.1:2" }],
    [{ url: "http://c" }, { endpoint: "http://c:8500" }],
    [{ url: "https://c:443/" }, { endpoint: "https://c:443" }],
    [{ url: "https://c:1", host: "d", port: 3, scheme: "http" }, {
      endpoint: "https://c:1",
    }],
    [{ host: "", url: "", port: "", token: "", dc: "" }, {}],
    [{ host: "c:8500", token: "t", dc: "d", consistency: "stale" }, {
      ...{ endpoint: "http://c:8500", token: "t", dc: "d" },
      consistency: "stale",
    }],
    [{ port: 8500, verify: false }, { isVerified: false }],
    [{ port: 8500, verify: "off", cacert: "/ca" }, { cacert: "/ca" }],
    [{ port: 8500, cert: "/c", key: "/k", checks: ["a"] }, {
      ...{ cert: "/c", key: "/k", checks: ["a"] },
    }],
    [{ port: 8500, register_service: true, service_tags: "a,b" }, {
      service: { ...DEFAULTS.service, isRegistered: true, tags: ["a", "b"] },
    }],
  ];
  for (const [section, wanted] of cases) {
    assert.deepEqual(
      readStore({ consul: { ...section } }),
      { ...DEFAULTS, ...wanted },
      JSON.stringify(section),
    );
  }
});

Deno.test("what the section consul cannot mean is said by its key", () => {
  const cases: readonly (readonly [object, string])[] = [
    [{ host: "a,b" }, "consul.host"],
    [{ host: "c", port: 99_999 }, "consul.port"],
    [{ url: "c:8500" }, "consul.url"],
    [{ url: "http://u:secret@c" }, "consul.url"],
    [{ host: "c", scheme: "tcp" }, "consul.scheme"],
    [{ host: "c", consistency: "eventual" }, "consul.consistency"],
  ];
  for (const [section, path] of cases) {
    const result = readStore({ consul: { ...section } });
    assert.ok(result instanceof Wanted, JSON.stringify(section));
    assert.deepEqual(result.misfits.map((one) => one.path.join(".")), [path]);
  }
});

Deno.test("variables of Consul make its section", () => {
  const { document, warnings } = readEnvironment({
    PATRONI_CONSUL_HOST: "c:1",
    PATRONI_CONSUL_SCHEME: "https",
    PATRONI_CONSUL_TOKEN: "t",
    PATRONI_CONSUL_VERIFY: "false",
    PATRONI_CONSUL_CONSISTENCY: "consistent",
    PATRONI_CONSUL_CHECKS: "[]",
    PATRONI_CONSUL_REGISTER_SERVICE: "on",
    PATRONI_CONSUL_SERVICE_TAGS: "x",
    PATRONI_CONSUL_SERVICE_CHECK_INTERVAL: "9s",
  });
  assert.deepEqual(warnings, []);
  assert.deepEqual(readStore(document), {
    ...DEFAULTS,
    endpoint: "https://c:1",
    token: "t",
    isVerified: false,
    consistency: "consistent",
    service: {
      ...DEFAULTS.service,
      ...{ isRegistered: true, tags: ["x"], checkInterval: "9s" },
    },
  });
});
