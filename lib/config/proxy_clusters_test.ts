import assert from "node:assert/strict";
import { ConfigError } from "./problems.ts";
import { decodeProxyFile } from "./proxy_clusters.ts";

const SQLITE = { path: "/x/dcs.db" };

function entry(scope: string, primary: number, replica = primary + 1) {
  return {
    scope,
    proxy: { primary_port: primary, replica_port: replica },
  };
}

/** Paths and what is wanted there. */
function problemsOf(document: Readonly<Record<string, unknown>>) {
  try {
    decodeProxyFile(document);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.map(({ path, wanted }) => `${path}: ${wanted}`);
  }
  return [];
}

Deno.test("each entry of clusters is laid over the file", () => {
  const config = decodeProxyFile({
    name: "app1",
    sqlite: SQLITE,
    proxy: {
      hold_timeout: 3,
      stats_port: 7001,
      stats_username: "u",
      stats_password: "p",
    },
    clusters: [
      entry("a", 5001),
      { ...entry("b", 5011), namespace: "other", etcd3: { host: "e:2379" } },
      {
        ...entry("c", 5021),
        proxy: {
          ...entry("c", 5021).proxy,
          data_plane: "workers",
          hold_timeout: 4,
          agents: ["http://db1:8008"],
        },
      },
    ],
  });
  assert.deepEqual(
    config.clusters.map(({ scope, namespace, dcs, proxy }) => [
      ...[scope, namespace, dcs?.kind ?? "agents"],
      ...[proxy.primaryPort, proxy.replicaPort, proxy.holdTimeoutMs],
      ...[proxy.dataPlane, proxy.statsPort],
    ]),
    [
      ["a", "service", "sqlite", 5001, 5002, 3_000, "portable", null],
      ["b", "other", "etcd3", 5011, 5012, 3_000, "portable", null],
      ["c", "service", "agents", 5021, 5022, 4_000, "workers", null],
    ],
  );
  assert.deepEqual(
    [config.name, config.dcs?.kind, config.proxy.statsPort],
    ["app1", "sqlite", 7001],
  );
});

Deno.test("a file without clusters, or with a member, is for one cluster", () => {
  const one = { scope: "a", sqlite: SQLITE };
  const member = { postgresql: { data_dir: "/x/n1" } };
  for (const more of [{}, { clusters: [] }, { ...member, clusters: [1] }]) {
    const config = decodeProxyFile({ ...one, ...more });
    assert.deepEqual([config.scope, config.clusters], ["a", []]);
  }
});

Deno.test("clusters that cannot be in one proxy are refused, each with a sentence", () => {
  const base = { sqlite: SQLITE };
  const cases:
    readonly (readonly [Readonly<Record<string, unknown>>, string])[] = [
      [
        { clusters: [entry("a", 5001), entry("a", 5011)] },
        "clusters.1.scope: each scope once (clusters.0 has it)",
      ],
      [
        { clusters: [entry("a", 5001), entry("b", 5002)] },
        'clusters.1.proxy.primary_port: a port that nothing else here has (replica_port of clusters.0, scope "a", is the same)',
      ],
      [
        { clusters: [entry("a", 5001, 5001)] },
        'clusters.0.proxy.replica_port: a port that nothing else here has (primary_port of clusters.0, scope "a", is the same)',
      ],
      [
        { clusters: [entry("a", 7000)] },
        "proxy.stats_port: a port that no cluster has (clusters.0 has it)",
      ],
      [
        { scope: "x", clusters: [entry("a", 5001)] },
        "scope: none beside clusters, because each entry has its own",
      ],
      [{
        certificates: { dir: "/tls" },
        name: "w",
        clusters: [entry("a", 5001)],
      }, "certificates: none beside clusters, because they are one cluster's"],
      [
        { clusters: [{ proxy: {} }] },
        "clusters.0.scope: a text that is not empty",
      ],
      [
        { clusters: [{ ...entry("a", 5001), log: {} }] },
        "clusters.0.log: only scope, namespace, proxy, vip and a store in an entry; the rest is said once, outside of clusters",
      ],
      [
        { clusters: [{ scope: "a", proxy: { stats_port: 1 } }] },
        "clusters.0.proxy.stats_port: it in the section proxy of the file, because all clusters are on one page",
      ],
      [
        { clusters: [{ scope: "a", proxy: { primary_prot: 1 } }] },
        "clusters.0.proxy.primary_prot: a key of section proxy",
      ],
      [
        { clusters: [{ scope: "a", proxy: false }] },
        "clusters.0.proxy: a map of the section's keys",
      ],
      [{ clusters: ["a"] }, "clusters.0: a map with scope and proxy"],
      [
        { clusters: "a" },
        "clusters: a list of at most 1000 maps with scope and proxy",
      ],
      [
        {
          clusters: [{ ...entry("a", 5001), proxy: { primary_port: "many" } }],
        },
        "clusters.0.proxy.primary_port: a port from 1 to 65535",
      ],
      [{
        proxy: { hold_timeout: "long" },
        clusters: [entry("a", 5001), entry("b", 5011)],
      }, "proxy.hold_timeout: "],
    ];
  for (const [document, wanted] of cases) {
    const found = problemsOf({ ...base, ...document });
    assert.equal(found.length, 1, found.join("\n"));
    const [first = ""] = found;
    assert.ok(first.startsWith(wanted), first);
  }
});

Deno.test("an address is that of one cluster", () => {
  const vip = [{ address: "10.0.0.9/24", interface: "eth0", role: "proxy" }];
  const clusters = [
    { ...entry("a", 5001), vip },
    { ...entry("b", 5011), vip },
  ];
  assert.deepEqual(problemsOf({ sqlite: SQLITE, clusters }), [
    "clusters.1.vip: each address once (clusters.0 has it)",
  ]);
});

Deno.test("one port on two addresses is no collision, on all of them it is", () => {
  const at = (scope: string, listen: string) => ({
    scope,
    proxy: { listen, primary_port: 5432, replica_port: 5433 },
  });
  const file = (...clusters: readonly unknown[]) => ({
    sqlite: SQLITE,
    clusters,
  });
  assert.deepEqual(
    problemsOf(file(at("a", "10.0.0.1"), at("b", "10.0.0.2"))),
    [],
  );
  assert.equal(problemsOf(file(at("a", "10.0.0.1"), at("b", "*"))).length, 2);
});
