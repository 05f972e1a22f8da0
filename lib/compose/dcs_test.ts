import assert from "node:assert/strict";
import type { Etcd3Config } from "../config/stores/etcd3.ts";
import { ConfigError } from "../config/problems.ts";
import { openDcsTarget, scopePathOf } from "./dcs.ts";

const ETCD: Etcd3Config = {
  kind: "etcd3",
  endpoints: ["https://127.0.0.1:1"],
  isProxied: false,
  srv: null,
  srvSuffix: null,
  username: null,
  password: null,
  cacert: null,
  cert: null,
  key: null,
};

Deno.test("scopePathOf() collapses slashes and inserts the group", () => {
  const path = (namespace: string, group: number | null) =>
    scopePathOf({ namespace, scope: "batman", group });
  assert.equal(path("service", null), "/service/batman");
  assert.equal(path("/a//b/", null), "/a/b/batman");
  assert.equal(path("", 0), "/batman/0");
});

Deno.test("openDcs() refuses what this host cannot use", () => {
  const open = (config: Partial<Etcd3Config>) => () =>
    openDcsTarget({
      config: { ...ETCD, ...config },
      namespace: "service",
      scope: "batman",
      group: null,
    });
  assert.throws(open({ cacert: "/nowhere/ca.pem" }), ConfigError);
  const srv = { endpoints: [], srv: "example.org" };
  assert.throws(open({ ...srv, cacert: "/nowhere/ca.pem" }), ConfigError);
  assert.throws(open({ endpoints: [] }), ConfigError);
});
