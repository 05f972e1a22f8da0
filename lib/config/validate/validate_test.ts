/** `--validate-config`: its lines, as Patroni's own validator writes them. */
import assert from "node:assert/strict";
import { isConfigMap } from "../../core/calc/documents/config_merge.ts";
import { parseYaml11 } from "../../patroni/yaml_1_1.ts";
import { validationLines, validationWarnings } from "./validate.ts";
import type { ValidationWorld } from "./world.ts";

const GOOD = `
name: n1
scope: demo
restapi: {listen: "0.0.0.0:8008", connect_address: "10.0.0.1:8008", allowlist: [10.0.0.0/8]}
etcd3: {hosts: "10.0.0.9:2379"}
bootstrap: {dcs: {ttl: 30, synchronous_mode: quorum}, initdb: {encoding: UTF8}}
postgresql:
  listen: "*:5432"
  connect_address: 10.0.0.1:5432
  data_dir: /data
  authentication:
    superuser: {username: postgres, password: s3cret}
    replication: {username: rep}
tags: {nofailover: false, failover_priority: 1}
`;

const PROGRAMS =
  "pg_ctl initdb pg_controldata pg_basebackup postgres pg_isready";

interface Host {
  readonly open?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  readonly programs?: string;
}

function worldOf(host: Host): ValidationWorld {
  const { open = ["10.0.0.9:2379"], files = {}, programs = PROGRAMS } = host;
  const paths = Object.keys(files);
  return {
    canConnect: (name, port) =>
      Promise.resolve(open.includes(`${name}:${port}`)),
    kind: (path) => {
      if (paths.includes(path)) return Promise.resolve("file");
      const isFolder = paths.some((each) => each.startsWith(`${path}/`));
      return Promise.resolve(isFolder ? "directory" : "missing");
    },
    list: (directory) =>
      Promise.resolve(
        paths.filter((path) => path.startsWith(`${directory}/`))
          .map((path) => path.slice(directory.length + 1).split("/")[0] ?? ""),
      ),
    read: (file) => Promise.resolve(files[file] ?? null),
    hasProgram: (_directory, name) =>
      Promise.resolve(programs.split(" ").includes(name)),
    versionText: () => Promise.resolve("postgres (PostgreSQL) 15.18"),
  };
}

async function linesOf(
  yaml: string,
  host: Host & { readonly isPortIgnored?: boolean } = {},
): Promise<readonly string[]> {
  const document = parseYaml11(yaml);
  assert.ok(isConfigMap(document));
  const { isPortIgnored = false } = host;
  const world = worldOf(host);
  return await validationLines(document, { world, isPortIgnored });
}

Deno.test("a good configuration has nothing to say about", async () => {
  assert.deepEqual(await linesOf(GOOD), []);
});

Deno.test("what is missing is named, with a line for each possible store", async () => {
  assert.deepEqual(await linesOf("foo: bar"), [
    "name  is not defined.",
    "scope  is not defined.",
    "restapi  is not defined.",
    "consul  is not defined.",
    "etcd  is not defined.",
    "etcd3  is not defined.",
    "exhibitor  is not defined.",
    "kubernetes  is not defined.",
    "raft  is not defined.",
    "zookeeper  is not defined.",
    "postgresql  is not defined.",
  ]);
});

/** What is put over the good configuration, and the line about it. */
const CASES: readonly (readonly [string, string])[] = [
  ["name: 5", "name 5 is not a string"],
  [
    "thread_pool_size: 2",
    "thread_pool_size 2 didn't pass validation: Wrong value",
  ],
  [
    "log: {level: debug}",
    "log.level debug didn't pass validation: Wrong value",
  ],
  [
    "log: {format: []}",
    "log.format [] didn't pass validation: should contain at least one item",
  ],
  [
    "log: {format: [5, {a: 5}]}",
    "log.format [5, {'a': 5}] didn't pass validation: each item should be a string or a dictionary with string values",
  ],
  [
    'log: {max_queue_size: "10"}',
    "log.max_queue_size 10 is not an integer",
  ],
  ["log: {mode: 1000}", "log.mode 1000 didn't pass validation: Wrong value"],
  ["log: {loggers: 5}", "log.loggers 5 is not a dictionary"],
  ["ctl: {insecure: 1}", "ctl.insecure 1 is not a boolean"],
  ["ctl: {cacert: [a]}", "ctl.cacert ['a'] is not a string"],
  [
    "bootstrap: {dcs: {ttl: 10}}",
    "bootstrap.dcs.ttl 10 didn't pass validation: Wrong value",
  ],
  [
    "bootstrap: {dcs: {synchronous_mode: maybe}}",
    "bootstrap.dcs.synchronous_mode maybe is not a boolean",
  ],
  [
    "bootstrap: {dcs: {postgresql: {pg_hba: []}}}",
    "bootstrap.dcs.postgresql.pg_hba [] is an empty list",
  ],
  ["bootstrap: {}", "bootstrap.dcs  is not defined."],
  [
    "etcd3: {hosts: [10.0.0.9:2379, 10.0.0.8]}",
    "etcd3.hosts.1 10.0.0.8 didn't pass validation: 10.0.0.8 is not reachable",
  ],
  [
    "etcd3: {host: 10.0.0.8:1}",
    "etcd3.host 10.0.0.8:1 didn't pass validation: 10.0.0.8:1 is not reachable",
  ],
  [
    "watchdog: {mode: x}",
    "watchdog.mode x didn't pass validation: Wrong value",
  ],
  ["tags: {clonefrom: 1}", "tags.clonefrom 1 is not a boolean"],
  [
    "tags: {nofailover: true, failover_priority: 1}",
    "tags  Multiple of ('nofailover', 'failover_priority') provided",
  ],
  ["citus: {database: d}", "citus.group  is not defined."],
];

for (const [yaml, expected] of CASES) {
  Deno.test(`${yaml} gives ${expected}`, async () => {
    const key = yaml.split(":")[0];
    const others = GOOD.split("\n").filter((each) =>
      !each.startsWith(`${key}:`)
    );
    assert.deepEqual(await linesOf([...others, yaml].join("\n")), [expected]);
  });
}

/** A text inside the good configuration and what takes its place. */
const REPLACED: readonly (readonly [string, string, string])[] = [
  [
    '"10.0.0.1:8008"',
    "localhost:8008",
    'restapi.connect_address localhost:8008 didn\'t pass validation: must not contain "127.0.0.1", "0.0.0.0", "*", "::1", "localhost"',
  ],
  [
    '"*:5432"',
    '"*,10.0.0.1:5432"',
    "postgresql.listen *,10.0.0.1:5432 didn't pass validation: expecting '*' alone",
  ],
  [
    '"0.0.0.0:8008"',
    "x",
    "restapi.listen x didn't pass validation: contains a wrong value",
  ],
  [
    "{username: rep}",
    "{username: 5}",
    "postgresql.authentication.replication.username 5 is not a string",
  ],
  [
    "data_dir: /data",
    'data_dir: ""',
    "postgresql.data_dir  didn't pass validation: is an empty string",
  ],
];

for (const [text, other, expected] of REPLACED) {
  Deno.test(`${other} for ${text} gives ${expected}`, async () => {
    assert.deepEqual(await linesOf(GOOD.replace(text, other)), [expected]);
  });
}

Deno.test("ports in use are a problem unless that is wanted", async () => {
  const open = ["10.0.0.9:2379", "127.0.0.1:8008", "127.0.0.1:5432"];
  assert.deepEqual(await linesOf(GOOD, { open }), [
    "restapi.listen 0.0.0.0:8008 didn't pass validation: Port 8008 is already in use.",
    "postgresql.listen *:5432 didn't pass validation: Port 5432 is already in use.",
  ]);
  assert.deepEqual(await linesOf(GOOD, { open, isPortIgnored: true }), []);
});

Deno.test("a data directory must be empty, or whole and of the program's version", async () => {
  const path = "postgresql.data_dir /data didn't pass validation: ";
  const cases:
    readonly (readonly [Readonly<Record<string, string>>, string[]])[] = [
      [{ "/data/.x": "", "/data/lost+found": "" }, []],
      [{ "/data": "" }, [`${path}is not a directory`]],
      [
        { "/data/x": "" },
        [`${path}doesn't look like a valid data directory`],
      ],
      [{ "/data/PG_VERSION": "15\n", "/data/pg_wal": "" }, []],
      [
        { "/data/PG_VERSION": "14\n", "/data/pg_wal": "" },
        [
          `${path}data directory version (14) doesn't match with 'postgres' ` +
          "binary version (15)",
        ],
      ],
    ];
  for (const [files, expected] of cases) {
    assert.deepEqual(await linesOf(GOOD, { files }), expected);
  }
});

Deno.test("PostgreSQL's programs must be there, under their configured names", async () => {
  assert.deepEqual(
    await linesOf(GOOD, { programs: PROGRAMS.replace("pg_ctl ", "") }),
    ["postgresql.bin_dir  does not contain 'pg_ctl' in '$PATH'"],
  );
  const renamed = GOOD.replace(
    "data_dir: /data",
    "data_dir: /data\n  bin_name: {pg_ctl: ctl}",
  );
  assert.deepEqual(await linesOf(renamed), [
    "postgresql.bin_name.pg_ctl ctl didn't pass validation: does not contain 'ctl' in '$PATH'",
    "postgresql.bin_dir  does not contain 'ctl' in '$PATH'",
  ]);
  const elsewhere = GOOD.replace(
    "data_dir: /data",
    "data_dir: /data\n  bin_dir: /nope",
  );
  assert.deepEqual(await linesOf(elsewhere), [
    "postgresql.bin_dir  Directory '/nope' does not exist.",
  ]);
});

Deno.test("a password of a wrong type is not shown", async () => {
  const spoilt = [
    [`{a: h1dden}`, "***"],
    [`[h1dden]`, "***"],
    ["54321", "***"],
  ] as const;
  for (const [value, shown] of spoilt) {
    const lines = await linesOf(GOOD.replace("s3cret", value));
    assert.deepEqual(lines, [
      `postgresql.authentication.superuser.password ${shown} is not a string`,
    ]);
  }
  const misplaced = GOOD.replace(
    "restapi: {",
    "restapi: {authentication: [{password: h1dden}], ",
  ).replace("10.0.0.9:2379", "http://u:h1dden@10.0.0.9:2379");
  const lines = await linesOf(misplaced);
  assert.equal(lines.length, 2, lines.join("\n"));
  assert.doesNotMatch(lines.join("\n"), /h1dden/);
});

Deno.test("what the agent would refuse at start is said, without secrets", async () => {
  const lines = await linesOf(`${GOOD}\nproxy: {primary_port: 99999}`);
  assert.deepEqual(lines, [
    "proxy.primary_port 99999 didn't pass validation: wanted a port from 1 to 65535",
  ]);
  const refused = await linesOf(GOOD.replace("etcd3:", "raft:"));
  assert.match(
    refused.at(-1) ?? "",
    /Available implementations: consul, dynamodb, etcd3, .*; section raft names a store/,
  );
  assert.doesNotMatch(refused.join("\n"), /s3cret/);
});

Deno.test("what is odd is said, also where something is wrong", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    [GOOD, []],
    [
      GOOD.replace("postgresql:", "postgreql:"),
      ['Unknown key postgreql sets nothing; did you mean "postgresql"?'],
    ],
    [
      GOOD.replace("tags:", "tag:"),
      ['Unknown key tag sets nothing; did you mean "tags"?'],
    ],
    [
      GOOD.replace("initdb:", "post_boostrap: x, initdb:"),
      [
        "Unknown key bootstrap.post_boostrap sets nothing; did you mean " +
        '"post_bootstrap"?',
      ],
    ],
    [
      GOOD.replace("data_dir:", "paramaters: {a: 1}\n  data_dir:"),
      [
        "Unknown key postgresql.paramaters sets nothing; did you mean " +
        '"parameters"?',
      ],
    ],
    [
      `${GOOD}use_unix_socket: true`,
      ["Unknown key use_unix_socket sets nothing; it belongs to postgresql"],
    ],
    [
      GOOD.replace("nofailover: false", "nofailover: true"),
      [
        "Conflicting configuration between nofailover: True and " +
        "failover_priority: 1. Defaulting to nofailover: True",
      ],
    ],
    [
      GOOD.replace("ttl: 30", "ttl: 30, retry_timeout: 864000000"),
      [
        'Violated the rule "loop_wait + 2*retry_timeout <= ttl", where ' +
        "ttl=30, loop_wait=10 and retry_timeout=864000000. Adjusting to " +
        "loop_wait=1 and retry_timeout=14",
        "A retry_timeout beyond ttl does not keep a primary while the store " +
        "is away: it is cut to 14 s. What does that safely is " +
        "failsafe_mode: true",
      ],
    ],
    [
      GOOD.replace("bootstrap: {dcs", "bootstrap: {dcss"),
      [
        'Unknown key bootstrap.dcss sets nothing; did you mean "dcs"?',
        "bootstrap.dcs is missing: this member can join a cluster, but " +
        "create none",
      ],
    ],
  ];
  for (const [yaml, expected] of cases) {
    const document = parseYaml11(yaml);
    assert.ok(isConfigMap(document));
    const texts = validationWarnings(document).map(({ text }) => text);
    assert.deepEqual(texts, expected);
  }
});
