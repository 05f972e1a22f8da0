import assert from "node:assert/strict";
import { NOBODY } from "../core/calc/sync/standby_names.ts";
import {
  type ConfigMap,
  mergePatch,
} from "../core/calc/documents/config_merge.ts";
import { MINIMAL_YAML } from "./fixtures/examples.ts";
import type { LocalConfig } from "./local_config.ts";
import { ConfigError, formatProblem } from "./problems.ts";
import { decodeLocalConfig } from "./schema.ts";
import { parseYaml11 } from "../patroni/yaml_1_1.ts";

/** The minimal example with `patch` (YAML) over it. */
function documentWith(patch: string): ConfigMap {
  const read = (text: string): ConfigMap => Object(parseYaml11(text));
  return mergePatch(read(MINIMAL_YAML), read(patch)).value;
}

function decoded(patch: string): LocalConfig {
  return decodeLocalConfig(documentWith(patch)).config;
}

function warningsOf(patch: string): string[] {
  return decodeLocalConfig(documentWith(patch)).warnings
    .map(({ text }) => text);
}

function problemsOf(document: ConfigMap): string[] {
  try {
    decodeLocalConfig(document);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem);
    throw error;
  }
  return [];
}

Deno.test("decodeLocalConfig() lists all problems of all sections at once", () => {
  const broken = documentWith(`
scope: null
log: {level: info}
restapi: {listen: "8008", authentication: {username: u, password: null}}
etcd3: {hosts: ["a:99999"], protocol: ftp}
bootstrap: {initdb: [pgdata]}
postgresql: {listen: "a:b", data_dir: "", parameters: {x: [1]}, pg_hba: y}
proxy: {primary_port: 0, hold_timeout: soon}
watchdog: {safety_margin: -2}
tags: [nofailover]
`);
  assert.deepEqual(problemsOf(broken), [
    "scope is missing, wanted a text that is not empty",
    'log.level: got "info", wanted one of DEBUG, INFO, WARN, WARNING, ERROR, ' +
    "FATAL, CRITICAL",
    'restapi.listen: got "8008", wanted <HOST>:<PORT>',
    "restapi.authentication.password is missing, wanted a text that is not " +
    "empty",
    "bootstrap.initdb: got ['pgdata'], wanted options of initdb, but option " +
    "pgdata is set by the agent",
    'postgresql.listen: got "a:b", wanted ADDRESS[,ADDRESS...][:PORT]',
    'postgresql.data_dir: got "", wanted a text that is not empty',
    "watchdog.safety_margin: got -2, wanted a whole number from -1",
    "tags: got ['nofailover'], wanted a map",
    "proxy.primary_port: got 0, wanted a port from 1 to 65535",
    'proxy.hold_timeout: got "soon", wanted seconds, or a text with a time ' +
    'unit such as "500ms", at most 24 days',
    'postgresql.pg_hba: got "y", wanted a list of texts',
    "etcd3.hosts: got ['a:99999'], wanted a list of HOST[:PORT]",
    'etcd3.protocol: got "ftp", wanted one of http, https',
    "postgresql.parameters.x: got [1], wanted a text, number or boolean",
  ]);
});

Deno.test("decodeLocalConfig() refuses headers that no reply could have", () => {
  const bad = [
    "X Y: a",
    '"": a',
    'X: "a\\nb"',
    "X: \u{1f600}",
    "Connection: a",
  ];
  for (const header of bad) {
    const document = documentWith(`
restapi: {listen: "a:8008", http_extra_headers: {${header}}}
`);
    const [problem = "", ...others] = problemsOf(document);
    assert.match(
      problem,
      /^restapi\.http_extra_headers: got .*, wanted names and values of HTTP/s,
    );
    assert.deepEqual(others, []);
  }
  const good = documentWith(`
restapi: {listen: "a:8008", https_extra_headers: {X-A_b: "caf\u00e9; x=1", Y: ""}}
`);
  assert.deepEqual(problemsOf(good), []);
});

Deno.test("decodeLocalConfig() refuses the name that strict mode uses for nobody", () => {
  const document = { ...documentWith(""), name: NOBODY.toUpperCase() };
  const [problem = "", ...others] = problemsOf(document);
  assert.match(problem, /^name: got .*, wanted another name: strict/);
  assert.deepEqual(others, []);
});

Deno.test("decodeLocalConfig() names what an empty document lacks", () => {
  const paths = problemsOf({ a: 1 }).map((line) => line.split(" is ")[0]);
  assert.deepEqual(paths, [
    "name",
    "scope",
    "restapi",
    "postgresql",
    "consul or dynamodb or etcd3 or exhibitor or kubernetes or pgstore or redis or sqlite or zookeeper",
  ]);
});

Deno.test("decodeLocalConfig() masks secrets in problems", () => {
  const lines = problemsOf(documentWith(`
postgresql: {authentication: {superuser: {password: yes}}}
etcd3: {url: "ftp://root:hunter2@h"}
`)).join("\n");
  assert.match(lines, /superuser\.password .*got "\*\*\*"\), wanted a text/);
  assert.match(lines, /etcd3\.url: got "ftp:\/\/root:\*\*\*@h"/);
  assert.equal(lines.includes("hunter2"), false);
});

Deno.test("decodeLocalConfig() asks for a DCS section and names both", () => {
  const line = problemsOf(documentWith("etcd3: null\nraft: {self_addr: a}"))[0];
  assert.match(
    line ?? "",
    /^consul or dynamodb or etcd3 or exhibitor or kubernetes or pgstore or redis or sqlite or zookeeper is missing, wanted .*etcd3 .*sqlite/,
  );
  assert.match(
    line ?? "",
    /Can not find suitable configuration of distributed configuration store/,
  );
  assert.match(line ?? "", /section raft names a store/);
  const empty = problemsOf(documentWith("etcd3: null\netcd3: {hosts: null}"));
  assert.match(empty[0] ?? "", /^etcd3\.hosts is missing/);
});

type EtcdCase = readonly [string, readonly string[]];

const ETCD_CASES: readonly EtcdCase[] = [
  ["{host: a}", ["http://a:2379"]],
  ["{host: 'a:1', protocol: https}", ["https://a:1"]],
  ["{host: a, port: 4001}", ["http://a:4001"]],
  ["{hosts: 'a:1,b'}", ["http://a:1", "http://b:2379"]],
  ["{hosts: ['[::1]:1']}", ["http://[::1]:1"]],
  ["{host: a, url: 'https://b'}", ["https://b:2379"]],
  ["{url: 'https://b:443/'}", ["https://b:443"]],
  ["{url: 'http://b:1', proxy: 'http://c:2'}", ["http://c:2"]],
  ["{srv: example.net, host: a}", []],
  ["{discovery_srv: example.net}", []],
  ["{srv: '', srv_domain: example.net}", []],
];

Deno.test("decodeLocalConfig() resolves etcd endpoints by priority", () => {
  for (const [section, endpoints] of ETCD_CASES) {
    const { dcs } = decoded(`etcd3: {hosts: null}\n`.replace(
      "{hosts: null}",
      section.startsWith("{hosts")
        ? section
        : `{hosts: null, ${section.slice(1)}`,
    ));
    assert.ok(dcs.kind === "etcd3");
    assert.deepEqual(dcs.endpoints, endpoints, section);
  }
});

Deno.test("decodeLocalConfig() keeps etcd credentials, those of a URL first", () => {
  const byKeys = decoded("etcd3: {url: 'http://h', username: u, password: 7}");
  assert.ok(byKeys.dcs.kind === "etcd3");
  assert.deepEqual([byKeys.dcs.username, byKeys.dcs.password], ["u", "7"]);
  const byUrl = decoded("etcd3: {url: 'http://a:p%40@h', username: u}");
  assert.ok(byUrl.dcs.kind === "etcd3");
  assert.deepEqual([byUrl.dcs.username, byUrl.dcs.password], ["a", "p@"]);
});

Deno.test("decodeLocalConfig() wants the statistics' settings whole", () => {
  const problems = (lines: string) =>
    problemsOf(documentWith(`proxy: {${lines}}`));
  assert.deepEqual(problems("stats_port: off"), []);
  assert.match(
    problems("stats_username: x")[0] ?? "",
    /^proxy\.stats_password is missing, wanted user and password/,
  );
  assert.match(
    problems("stats_password: x")[0] ?? "",
    /^proxy\.stats_username is missing/,
  );
  assert.match(
    problems("stats_keyfile: /k")[0] ?? "",
    /^proxy\.stats_certfile is missing, wanted the certificate/,
  );
});

Deno.test("decodeLocalConfig() refuses a stand-alone proxy's address in a member's file", () => {
  assert.throws(
    () => decoded("vip: {address: 10.0.0.9, interface: eth0, role: proxy}"),
    /vip: got [^]*role: proxy in the file of a stand-alone proxy/,
  );
});

Deno.test("decodeLocalConfig() turns the proxy on, off and down", () => {
  const sqlite = "etcd3: null\nsqlite: {path: /d}\n";
  assert.equal(decoded("proxy: false").proxy, null);
  assert.equal(decoded("proxy: off").proxy, null);
  assert.equal(decoded(sqlite).proxy, null);
  assert.equal(decoded(`${sqlite}proxy: {}`).proxy?.primaryPort, 5000);
  assert.deepEqual(
    decoded(`proxy:
  listen: 127.0.0.1
  primary_port: "15000"
  hold_timeout: 1.5
  replica_max_lag: 16MB
  replica_max_lag_time: 1min
  max_connections: 20
  primary_max_connections: 15
  connect_timeout: 700ms
  max_silent_per_address: 7
  startup_timeout: 3s
  drain_timeout: 2s
  upgrade_timeout: 1h
  allow: 10.0.0.0/8, 2001:db8::/32
  data_plane: portable
  workers: 3
  io_uring: off
  replica_fallback: true
  stats_allow: 10.1.0.0/16
  stats_certfile: /c.pem
  stats_listen: 10.0.0.1
  stats_username: watch
  stats_password: w
  agent_grace: 2
  sealed: off
  zone: east`).proxy,
    {
      listen: ["127.0.0.1"],
      socketDirectory: null,
      socketMode: 0o777,
      primaryPort: 15000,
      replicaPort: 6000,
      ports: [],
      newSessionsPerAddress: 0,
      clientTimeoutMs: 0,
      serverTimeoutMs: 0,
      tcpKeepaliveIdle: 60,
      tcpKeepaliveInterval: 10,
      tcpKeepaliveCount: 6,
      tcpUserTimeoutMs: 0,
      sessionLog: null,
      agents: [],
      acceptProxyFrom: [],
      sendProxy: "off",
      statsAllow: ["10.1.0.0/16"],
      statsCertfile: "/c.pem",
      statsKeyfile: null,
      statsListen: ["10.0.0.1"],
      statsPassword: "w",
      statsPort: 7000,
      statsUsername: "watch",
      holdTimeoutMs: 1500,
      replicaLagMaxBytes: 16 * 1024 * 1024,
      replicaLagMaxMs: 60_000,
      connectionsMax: 20,
      primaryConnectionsMax: 15,
      replicaConnectionsMax: null,
      serverConnectionsMax: 0,
      queueMax: 1000,
      queueTimeoutMs: null,
      connectTimeoutMs: 700,
      silentPerAddressMax: 7,
      startupTimeoutMs: 3000,
      drainTimeoutMs: 2000,
      upgradeTimeoutMs: 3_600_000,
      vipTtlMs: 6_000,
      allow: ["10.0.0.0/8", "2001:db8::/32"],
      dataPlane: "portable",
      workers: 3,
      isRingWanted: false,
      routeTo: "conn_url",
      isReplicaFallback: true,
      agentGraceMs: 2000,
      isSealed: false,
      zone: "east",
    },
  );
  assert.equal(
    decoded("proxy: {hold_timeout: 500ms}").proxy?.holdTimeoutMs,
    500,
  );
  const clash = problemsOf(documentWith("proxy: {primary_port: 6000}"));
  assert.match(clash[0] ?? "", /^proxy: .*wanted different ports$/);
  for (const key of ["send_proxy: v1", "route_to: proxy_url"]) {
    const sealed = documentWith(`proxy: {sealed: true, ${key}}`);
    const [name = ""] = key.split(":");
    assert.ok(problemsOf(sealed).some((one) => one.includes(name)), key);
  }
  const listen = problemsOf(documentWith("proxy: {listen: '*:5000'}"));
  assert.match(listen[0] ?? "", /^proxy\.listen: .*addresses without port/);
  const allow = problemsOf(documentWith("proxy: {allow: 10.0.0.0/33}"));
  assert.match(allow[0] ?? "", /^proxy\.allow: .*networks, such as/);
});

Deno.test("decodeLocalConfig() publishes and derives tags", () => {
  const { tags } = decoded(`tags:
  nofailover: false
  failover_priority: 0
  nosync: ""
  clonefrom: false
  nostream: "no"
  noloadbalance: "false"
  replicatefrom: b
  zone: 3`);
  assert.equal(tags.isNofailover, false);
  assert.equal(tags.failoverPriority, 0);
  assert.equal(tags.isNoloadbalance, true);
  assert.equal(tags.isNostream, false);
  assert.equal(tags.replicatefrom, "b");
  assert.deepEqual(tags.published, {
    nofailover: false,
    failover_priority: 0,
    nostream: "no",
    noloadbalance: "false",
    replicatefrom: "b",
    zone: 3,
  });
  assert.equal(decoded("tags: {failover_priority: 0}").tags.isNofailover, true);
  assert.deepEqual(
    decoded("tags: {nofailover: true}").tags.failoverPriority,
    0,
  );
});

const WARNINGS: readonly (readonly [string, RegExp])[] = [
  ["ttl: 30", /^ttl is ignored here/],
  ["postgresql: {use_slots: true}", /^postgresql\.use_slots is ignored/],
  [
    "postgresql: {parameters: {Max_Connections: 5}}",
    /^postgresql\.parameters\.Max_Connections is ignored/,
  ],
  ["restapi: {lisen: x}", /restapi\.lisen sets nothing; did you mean "listen"/],
  ["postgrsql: {}", /did you mean "postgresql"/],
  ["tags: {nofailovr: true}", /did you mean "nofailover"/],
  ["bootstrap: {dcs: {maximum_lag_on_failver: 1}}", /maximum_lag_on_failover/],
  ["whatever: 1", /^Unknown key whatever sets nothing$/],
  ["ctl: {insecure: 'false'}", /counts as true/],
  ["etcd3: {use_proxies: 'off'}", /^etcd3\.use_proxies .*counts as true/],
  ["restapi: {verify_client: maybe}", /^Bad value in the "restapi/],
  ["watchdog: {mode: perhaps}", /^Watchdog mode perhaps not recognized/],
  ["bootstrap: {method: gone}", /initdb is used instead/],
  ["thread_pool_size: many", /^thread_pool_size is not a whole number/],
  ["sqlite: {path: x}", /^Section sqlite is not used: etcd3 is$/],
  ["citus: {group: 0, database: x}", /Citus is not supported/],
  [
    "tags: {nofailover: true, failover_priority: 2}",
    /^Conflicting configuration between nofailover: True and failover_priority: 2\. Defaulting to nofailover: True$/,
  ],
];

Deno.test("decodeLocalConfig() warns of what is probably a mistake", () => {
  for (const [patch, expected] of WARNINGS) {
    const texts = warningsOf(patch);
    assert.equal(texts.length, 1, `${patch}: ${texts.join(" | ")}`);
    assert.match(texts[0] ?? "", expected);
  }
});

Deno.test("decodeLocalConfig() knows custom methods and tags", () => {
  assert.deepEqual(
    warningsOf(`
tags: {datacenter: east}
postgresql: {create_replica_methods: [wal_e], wal_e: {command: x}}
bootstrap: {method: b, b: {command: x}}
`),
    [],
  );
  // The dynamic configuration may name a method that only this file describes.
  assert.deepEqual(
    warningsOf(`postgresql: {pgbackrest: {command: x, keep_data: true}}`),
    [],
  );
});

Deno.test("decodeLocalConfig() takes no other map for a method", () => {
  assert.deepEqual(
    warningsOf(`
postgresql:
  create_replica_methods: [wal_e]
  wal_e: {threads: 4}
  parameters_leader: {work_mem: 4MB}
  sets: {}
  # A method, although it is nearly a key.
  base_backup: {command: x}
bootstrap: {other: {x: 1}}
`),
    [
      "Unknown key bootstrap.other sets nothing",
      "Unknown key postgresql.parameters_leader sets nothing",
      "Unknown key postgresql.sets sets nothing",
    ],
  );
});

Deno.test("decodeLocalConfig() accepts older layouts", () => {
  const legacy = decoded(`
name: null
postgresql:
  name: old
  authentication: null
  superuser: {username: s}
  replication: {username: r, password: p}
  pg_rewind: {username: w}
`);
  assert.equal(legacy.name, "old");
  const { superuser, replication, rewind } = legacy.postgresql.authentication;
  assert.deepEqual(
    [superuser.username, replication.username, rewind?.username],
    [
      "s",
      "r",
      "w",
    ],
  );
});

Deno.test("decodeLocalConfig() takes a bootstrap section without dcs", () => {
  const { bootstrap } = decoded("bootstrap: {dcs: null, post_init: x y}");
  assert.deepEqual([bootstrap?.dcs, bootstrap?.postBootstrap], [null, [
    "x",
    "y",
  ]]);
});

Deno.test("decodeLocalConfig() reads the users of a bootstrap section", () => {
  const { bootstrap } = decoded(
    "bootstrap: {dcs: {}, users: {admin: {password: 'admin%', " +
      "options: [createrole, Connection  limit 5]}, app: {password: 7}, " +
      "group: }}",
  );
  assert.deepEqual(bootstrap?.users, [
    {
      name: "admin",
      password: "admin%",
      options: ["CREATEROLE", "CONNECTION LIMIT 5"],
    },
    { name: "app", password: "7", options: [] },
    { name: "group", password: null, options: [] },
  ]);
});

Deno.test("decodeLocalConfig() refuses options of users that are more than that", () => {
  for (
    const option of ["superuser; DROP ROLE x", "in role x", "password 'x'"]
  ) {
    assert.throws(
      () =>
        decoded(`bootstrap: {dcs: {}, users: {a: {options: ["${option}"]}}}`),
      /bootstrap\.users.*list of options.*user a/,
    );
  }
});

Deno.test("decodeLocalConfig() fills ctl from restapi", () => {
  const { ctl } = decoded(`
restapi: {authentication: {username: u, password: p}, cafile: /ca}
ctl: {certfile: /crt}`);
  assert.deepEqual(ctl, {
    authentication: { username: "u", password: "p" },
    isInsecure: false,
    cacert: "/ca",
    certfile: "/crt",
    keyfile: null,
    keyfilePassword: null,
    peerTimeoutMs: 2_000,
  });
});

Deno.test("decodeLocalConfig() reads lenient scalars", () => {
  const { config } = decodeLocalConfig(documentWith(`
name: 007x
watchdog: {mode: off, safety_margin: "0x5"}
postgresql: {listen: "*", connect_address: null}
namespace: //a//b/
`));
  assert.equal(config.watchdog.mode, "off");
  assert.equal(config.watchdog.safetyMarginS, 5);
  assert.deepEqual(config.postgresql.listen, { hosts: ["*"], port: 5432 });
  assert.deepEqual(config.postgresql.connectAddress, {
    host: "localhost",
    port: 5432,
  });
  assert.equal(config.namespace, "a/b");
});
