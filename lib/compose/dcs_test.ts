import assert from "node:assert/strict";
import { Wanted } from "../config/fields.ts";
import { readStore } from "../config/stores/all.ts";
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
  managed: null,
};

Deno.test("scopePathOf() collapses slashes and inserts the group", () => {
  const path = (namespace: string, group: number | null) =>
    scopePathOf({ namespace, scope: "batman", group });
  assert.equal(path("service", null), "/service/batman");
  assert.equal(path("/a//b/", null), "/a/b/batman");
  assert.equal(path("", 0), "/batman/0");
});

Deno.test("openDcs() refuses what this host cannot use", async () => {
  const open = (config: Partial<Etcd3Config>) => () =>
    openDcsTarget({
      config: { ...ETCD, ...config },
      namespace: "service",
      scope: "batman",
      group: null,
    });
  await assert.rejects(open({ cacert: "/nowhere/ca.pem" }), ConfigError);
  const srv = { endpoints: [], srv: "example.org" };
  await assert.rejects(
    open({ ...srv, cacert: "/nowhere/ca.pem" }),
    ConfigError,
  );
  await assert.rejects(open({ endpoints: [] }), ConfigError);
  const config = readStore({ consul: { cacert: "/nowhere/ca.pem", port: 1 } });
  assert.ok(!(config instanceof Wanted));
  const place = { namespace: "service", scope: "batman", group: null };
  const consul = openDcsTarget({ config, ...place });
  await assert.rejects(consul, /section consul cannot be used: .*nowhere/);
  const zookeeper = readStore({
    zookeeper: { hosts: "h", use_ssl: true, cacert: "/nowhere/ca.pem" },
  });
  assert.ok(!(zookeeper instanceof Wanted));
  await assert.rejects(
    openDcsTarget({ config: zookeeper, ...place }),
    /section zookeeper cannot be used: .*nowhere/,
  );
  const dynamodb = readStore({ dynamodb: { cacert: "/nowhere/ca.pem" } });
  assert.ok(!(dynamodb instanceof Wanted));
  await assert.rejects(
    openDcsTarget({ config: dynamodb, ...place }),
    /section dynamodb cannot be used: .*nowhere/,
  );
});

interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly code?: { readonly specifier?: string };
    readonly isDynamic?: boolean;
  }[];
}

/** All that `entry` loads before it runs, npm packages by their name. */
function loadedBy(entry: string): ReadonlySet<string> {
  const { stdout } = new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
  }).outputSync();
  const { roots, modules } = JSON.parse(new TextDecoder().decode(stdout));
  const all: readonly Module[] = modules;
  const loaded = new Set<string>(roots);
  for (const specifier of loaded) {
    const module = all.find((one) => one.specifier === specifier);
    for (const { code, isDynamic } of module?.dependencies ?? []) {
      if (code?.specifier === undefined || isDynamic === true) continue;
      loaded.add(code.specifier);
    }
  }
  return loaded;
}

Deno.test("only who uses a store of the network, or collects traces, loads its client", () => {
  const loaded = [...loadedBy(new URL("daemon.ts", import.meta.url).pathname)];
  const has = (end: string) => loaded.some((one) => one.endsWith(end));
  assert.ok(has("/lib/config/stores/consul.ts"));
  const adapters = loaded.filter((specifier) =>
    /\/lib\/adapters\/(?:consul|dynamodb|etcd|kubernetes|postgres\/dcs|redis|zookeeper)\//
      .test(specifier)
  );
  assert.deepEqual(adapters, []);
  const program = (name: string) =>
    [...loadedBy(new URL(name, import.meta.url).pathname)]
      .filter((specifier) => specifier.startsWith("npm:"));
  const packages = program("daemon.ts");
  assert.ok(packages.some((name) => name.startsWith("npm:postgres@")));
  for (
    const [name, adapter] of [
      ["npm:@aws-sdk/", "../adapters/dynamodb/store_dynamodb.ts"],
      ["npm:@opentelemetry/", "../adapters/otlp/tracer_otlp.ts"],
      ["npm:etcd3@", "../adapters/etcd/dcs_etcd.ts"],
      ["npm:ioredis@", "../adapters/redis/store_redis.ts"],
    ] as const
  ) {
    assert.ok(!packages.some((one) => one.startsWith(name)), name);
    assert.ok(program(adapter).some((one) => one.startsWith(name)), name);
  }
});
