import assert from "node:assert/strict";
import fc from "fast-check";
import type { InstanceRole } from "../core/model/member.ts";
import type { ConfigMap } from "../core/calc/documents/config_merge.ts";
import {
  effectivePostgres,
  type EffectivePostgresConfig,
  type EffectiveResult,
} from "./effective.ts";
import { PROXY_DEFAULTS } from "./sections/proxy.ts";

const PG15 = 150008;

interface Layers {
  readonly dynamic?: ConfigMap;
  readonly local?: ConfigMap;
  readonly version?: number;
  readonly isSealed?: boolean;
  readonly role?: InstanceRole;
}

function layered(
  { dynamic, local, version, isSealed = false, role = "replica" }: Layers,
): EffectiveResult {
  return effectivePostgres({
    dynamic: dynamic === undefined ? {} : { postgresql: dynamic },
    local: {
      scope: "main",
      document: { postgresql: local ?? {} },
      proxy: { ...PROXY_DEFAULTS, isSealed },
      postgresql: {
        listen: { hosts: ["*"], port: 5433 },
        connectAddress: { host: "h", port: 5433 },
        proxyAddress: null,
        dataDir: "/d",
        configDir: "/d",
        pgpass: null,
        connectTimeoutMs: 2_000,
        authentication: {
          superuser: { username: null, password: null, options: {} },
          replication: { username: "r", password: null, options: {} },
          rewind: null,
        },
      },
    },
    serverVersion: version ?? PG15,
    role,
  });
}

function config(layers: Layers): EffectivePostgresConfig {
  const result = layered(layers);
  assert.ok(result.kind === "ok", JSON.stringify(result));
  return result.config;
}

function warnings(layers: Layers): readonly string[] {
  const result = layered(layers);
  assert.ok(result.kind === "ok");
  return result.warnings;
}

Deno.test("effectivePostgres() starts from the built-in defaults", () => {
  const { commandLine, parameters, ...rest } = config({});
  assert.deepEqual(commandLine, {
    listen_addresses: "*",
    port: "5433",
    cluster_name: "main",
    wal_level: "replica",
    hot_standby: "on",
    max_connections: "100",
    max_wal_senders: "10",
    max_prepared_transactions: "0",
    max_locks_per_transaction: "64",
    track_commit_timestamp: "off",
    max_replication_slots: "10",
    max_worker_processes: "8",
    wal_log_hints: "on",
  });
  assert.deepEqual(parameters, { ...commandLine, wal_keep_size: "128MB" });
  assert.equal(rest.hasSlots, true);
  assert.equal(rest.isRewindAllowed, false);
  assert.equal(rest.pgCtlTimeoutS, 60);
});

Deno.test("effectivePostgres() merges parameters by name in any case", () => {
  const { parameters } = config({
    dynamic: { parameters: { work_mem: "8MB", Log_Min_Messages: "info" } },
    local: { parameters: { Work_Mem: "16MB", ssl: true, log_mode: null } },
  });
  assert.equal(parameters["Work_Mem"], "16MB");
  assert.equal(parameters["work_mem"], undefined);
  assert.equal(parameters["Log_Min_Messages"], "info");
  assert.equal(parameters["ssl"], "on");
  assert.equal(Object.hasOwn(parameters, "log_mode"), false);
});

Deno.test("effectivePostgres() lets local keys replace, but not controlled ones", () => {
  const result = config({
    dynamic: {
      pg_hba: ["dynamic"],
      use_slots: false,
      data_dir: "/elsewhere",
      callbacks: { on_start: "a b" },
      parameters: { max_connections: 200 },
    },
    local: {
      pg_hba: ["local"],
      use_slots: true,
      callbacks: { on_stop: "c" },
      parameters: { max_connections: 300, port: 1 },
    },
  });
  assert.deepEqual(result.pgHba, ["local"]);
  assert.equal(result.hasSlots, false);
  assert.deepEqual(result.callbacks, { on_stop: ["c"] });
  assert.equal(result.parameters["max_connections"], "200");
  assert.equal(result.parameters["port"], "5433");
});

type ControlledCase = readonly [string, unknown, string | null];

/** null: refused, the default stays. */
const CONTROLLED: readonly ControlledCase[] = [
  ["max_connections", "0x40", "64"],
  ["max_connections", 25, "25"],
  ["max_connections", 24, null],
  ["max_connections", "100kB", null],
  ["Max_Connections", 33, "33"],
  ["max_wal_senders", 2, null],
  ["max_wal_senders", 3, "3"],
  ["max_replication_slots", 3, null],
  ["max_worker_processes", 2, "2"],
  ["max_locks_per_transaction", 31, null],
  ["max_prepared_transactions", 0, "0"],
  ["max_prepared_transactions", -1, null],
  ["wal_level", "LOGICAL", "logical"],
  ["wal_level", "hot_standby", "replica"],
  ["wal_level", "minimal", null],
  ["wal_level", true, null],
  ["hot_standby", "off", null],
  ["track_commit_timestamp", true, "on"],
  ["track_commit_timestamp", "maybe", null],
  ["wal_log_hints", "off", "off"],
  ["wal_keep_size", "2GB", "2GB"],
  ["wal_keep_size", 16, "16"],
  ["wal_keep_size", "8MB", null],
  ["listen_addresses", "x", null],
  ["port", 1, null],
  ["cluster_name", "x", null],
];

Deno.test("effectivePostgres() validates controlled parameters", () => {
  const defaults = config({}).parameters;
  for (const [name, value, expected] of CONTROLLED) {
    const layers = { dynamic: { parameters: { [name]: value } } };
    const actual = config(layers).parameters[name.toLowerCase()];
    assert.equal(actual, expected ?? defaults[name], `${name}=${value}`);
    assert.equal(warnings(layers).length, expected === null ? 1 : 0, name);
  }
  assert.deepEqual(
    warnings({ dynamic: { parameters: { max_connections: 1, port: true } } }),
    [
      "postgresql parameter max_connections=1 failed validation, " +
      "defaulting to 100",
      "postgresql parameter port=True failed validation, defaulting to None",
    ],
  );
});

Deno.test("effectivePostgres() fits the controlled parameters to the version", () => {
  const old = config({
    dynamic: { parameters: { wal_keep_size: "1GB" } },
    version: 120015,
  });
  assert.equal(old.parameters["wal_keep_segments"], "64");
  assert.equal(old.parameters["wal_keep_size"], undefined);
  assert.equal(old.commandLine["wal_keep_segments"], undefined);
  assert.equal(
    config({ version: 120015 }).parameters["wal_keep_segments"],
    "8",
  );
  const modern = config({ dynamic: { parameters: { wal_keep_segments: 10 } } });
  assert.equal(modern.parameters["wal_keep_size"], "160MB");
  assert.equal(modern.parameters["wal_keep_segments"], undefined);
});

Deno.test("effectivePostgres() lets recovery names in parameters replace recovery_conf", () => {
  const recovery_conf = { restore_command: "a", recovery_target_timeline: 2 };
  assert.deepEqual(config({ dynamic: { recovery_conf } }).recoveryConf, {
    restore_command: "a",
    recovery_target_timeline: "2",
  });
  const replaced = config({
    dynamic: { recovery_conf, parameters: { recovery_end_command: "b" } },
  });
  assert.deepEqual(replaced.recoveryConf, { recovery_end_command: "b" });
  assert.equal(replaced.parameters["recovery_end_command"], undefined);
});

Deno.test("effectivePostgres() builds clone methods with what scripts expect", () => {
  const { cloneMethods } = config({
    dynamic: {
      create_replica_methods: ["a", "b", "c", "basebackup"],
      a: { command: "/x 'y z'", no_leader: 1, keep_data: true, threads: 4 },
      b: { no_params: true, keep_data: true, q: "v" },
      basebackup: ["verbose", { pgdata: "x" }, { "max-rate": "100M" }],
    },
  });
  assert.deepEqual(cloneMethods, [
    {
      kind: "custom",
      name: "a",
      command: ["/x", "y z"],
      hasNoLeader: true,
      isDataKept: true,
      hasNoParams: false,
      options: ["--no_leader=1", "--keep_data=True", "--threads=4"],
    },
    {
      kind: "custom",
      name: "b",
      command: ["b"],
      hasNoLeader: false,
      isDataKept: true,
      hasNoParams: true,
      options: ["--q=v"],
    },
    {
      kind: "custom",
      name: "c",
      command: ["c"],
      hasNoLeader: false,
      isDataKept: false,
      hasNoParams: false,
      options: [],
    },
    { kind: "basebackup", options: ["--verbose", "--max-rate=100M"] },
  ]);
  assert.deepEqual(warnings({ dynamic: { basebackup: [{ pgdata: "x" }] } }), [
    "pg_basebackup option pgdata is set by the agent, it is skipped",
  ]);
});

Deno.test("effectivePostgres() reads pg_ctl_timeout leniently", () => {
  const cases = [[120, 120], ["90", 90], ["soon", 60], [0, 0], [null, 0]];
  for (const [given, expected] of cases) {
    const dynamic = { pg_ctl_timeout: given };
    assert.equal(config({ dynamic }).pgCtlTimeoutS, expected, String(given));
  }
});

Deno.test("effectivePostgres() rejects a dynamic document of wrong types", () => {
  const rejected: readonly ConfigMap[] = [
    { parameters: [1] },
    { parameters: { work_mem: { a: 1 } } },
    { pg_hba: "all" },
    { callbacks: { on_start: "a 'b" } },
  ];
  for (const dynamic of rejected) {
    assert.equal(
      layered({ dynamic }).kind,
      "rejected",
      JSON.stringify(dynamic),
    );
  }
});

Deno.test("effectivePostgres() accepts or rejects any document, never throws", () => {
  const keys = fc.constantFrom(
    ..."parameters pg_hba callbacks recovery_conf basebackup create_replica_methods use_slots pg_ctl_timeout bin_name pre_promote max_connections wal_keep_size on_start a"
      .split(" "),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: "small" },
      fc.jsonValue({ maxDepth: 1 }),
      fc.dictionary(keys, tie("tree"), { maxKeys: 6 }),
    ),
  }));
  fc.assert(
    fc.property(fc.dictionary(keys, tree), (dynamic) => {
      const result = layered({ dynamic });
      if (result.kind === "rejected") assert.ok(result.problems.length > 0);
      else assert.equal(result.config.parameters["port"], "5433");
    }),
    { numRuns: 500 },
  );
});

Deno.test("a sealed member does not take over lines that open it", () => {
  const pg_hba = [
    "host all all 127.0.0.1/32 scram-sha-256",
    "host all all 10.0.0.0/8 scram-sha-256",
  ];
  const dynamic = { pg_hba, pg_ctl_timeout: 33 };
  const result = layered({ dynamic, isSealed: true });
  assert.ok(result.kind === "ok");
  assert.equal(result.config.pgHba, null);
  assert.equal(result.config.pgCtlTimeoutS, 33);
  assert.match(
    result.warnings.join("\n"),
    /^postgresql\.pg_hba\.1: got "host all all 10\.0.*wanted database replication or only users of the agents \(r\).*; pg_hba\.conf is left as it is$/,
  );
  assert.deepEqual(config({ dynamic }).pgHba, pg_hba);
  const kept = config({ dynamic: { pg_hba: [pg_hba[0]] }, isSealed: true });
  assert.deepEqual(kept.pgHba, [pg_hba[0]]);
});

Deno.test("a parameter's name is a name, and no line of postgresql.conf", () => {
  const names = [
    "zero = 1\nsynchronous_standby_names",
    "a\rb",
    "work mem",
    "x'y",
    "a=b",
    "#a",
    "",
    "1a",
    "a.b.c.",
    "include",
    "Include_Dir",
    "include_if_exists",
    "a\u0000b",
    "n".repeat(1_000_000),
  ];
  for (const name of names) {
    const dynamic = { parameters: { [name]: "on", "plpgsql.extra_errors": 1 } };
    const { parameters } = config({ dynamic });
    assert.equal(Object.hasOwn(parameters, name), false, name.slice(0, 99));
    assert.equal(parameters["plpgsql.extra_errors"], "1");
    assert.equal(warnings({ dynamic }).length, 1);
  }
});

Deno.test("no spelling of a line opens a sealed member", () => {
  const spellings = [
    ["host all all 127.0.0.1/32 md5\nhost all all 0.0.0.0/0 md5"],
    ["host replication, \\", "all all 0.0.0.0/0 md5"],
    ["# a comment \\", "host all all 0.0.0.0/0 md5"],
    ['"host" all all 0.0.0.0/0 md5'],
    ['ho"st" all all 0.0.0.0/0 md5'],
    ["host replication\u00a0,all all 0.0.0.0/0 md5"],
    ['host all all "samehost" md5'],
    ['host all all 127.0.0.1/32 "trust"'],
    ['host all all 127.0.0.0 "255.0.0.0" trust'],
    ["host replication r 0/0 trust"],
    ["host replication r 0x7f000001/32 trust"],
    ["host replication r 0:0:0:0:0:0:0:1/128 trust"],
    ["host replication r ::1/64 trust"],
  ];
  for (const pg_hba of spellings) {
    const { pgHba } = config({ dynamic: { pg_hba }, isSealed: true });
    assert.equal(pgHba, null, pg_hba.join("; "));
  }
});

const BY_ROLE: ConfigMap = {
  parameters: {
    work_mem: "4MB",
    log_min_messages: "info",
    max_connections: 50,
  },
  parameters_primary: { work_mem: "8MB", Log_Min_Messages: "error" },
  parameters_replica: { max_connections: 99, restore_command: "cp %f %p" },
  pg_hba: ["local all all peer"],
  pg_hba_replica: ["local all all trust"],
  pg_ident: ["m s p"],
  pg_ident_standby_leader: ["m s2 p"],
};

Deno.test("effectivePostgres() lays the parameters of the role over the common ones", () => {
  const local = {
    parameters: { work_mem: "16MB" },
    parameters_standby_leader: { work_mem: "32MB" },
  };
  const cases = [
    ["primary", "8MB", "error"],
    // The role's value of either layer beats the common one of both.
    ["replica", "16MB", "info"],
    ["standby_leader", "32MB", "info"],
  ] as const;
  for (const [role, workMem, messages] of cases) {
    const { parameters, recoveryConf } = config({
      dynamic: BY_ROLE,
      local,
      role,
    });
    const byName = Object.fromEntries(
      Object.entries(parameters).map(([name, value]) => [
        name.toLowerCase(),
        value,
      ]),
    );
    assert.equal(byName["work_mem"], workMem, role);
    assert.equal(byName["log_min_messages"], messages, role);
    assert.equal(byName["max_connections"], "50", role);
    const wanted = role === "replica" ? { restore_command: "cp %f %p" } : {};
    assert.deepEqual(recoveryConf, wanted);
  }
  assert.deepEqual(warnings({ dynamic: BY_ROLE }), [
    "postgresql.parameters_replica.max_connections sets nothing: it must be " +
    "the same for all roles",
  ]);
});

Deno.test("effectivePostgres() puts lines of the role in place of the common ones", () => {
  const lines = (role: InstanceRole, local: ConfigMap = {}) => {
    const { pgHba, pgIdent } = config({ dynamic: BY_ROLE, local, role });
    return [pgHba, pgIdent];
  };
  const [hba, ident] = [["local all all peer"], ["m s p"]];
  assert.deepEqual(lines("primary"), [hba, ident]);
  assert.deepEqual(lines("replica"), [["local all all trust"], ident]);
  assert.deepEqual(lines("standby_leader"), [hba, ["m s2 p"]]);
  const local = { pg_hba: ["local a a peer"], pg_hba_replica: ["x"] };
  assert.deepEqual(lines("replica", local), [["x"], ident]);
  assert.deepEqual(lines("primary", local), [["local a a peer"], ident]);
  assert.deepEqual(lines("replica", { pg_hba: ["local a a peer"] }), [
    ["local all all trust"],
    ident,
  ]);
});

Deno.test("effectivePostgres() checks what belongs to a role like the rest", () => {
  const bad: readonly (readonly [ConfigMap, string])[] = [
    [{ parameters_primary: { a: [1] } }, "postgresql.parameters_primary.a"],
    [{ parameters_replica: 3 }, "postgresql.parameters_replica"],
    [{ pg_hba_standby_leader: "x" }, "postgresql.pg_hba_standby_leader"],
  ];
  for (const [dynamic, path] of bad) {
    const result = layered({ dynamic });
    assert.ok(result.kind === "rejected");
    assert.ok(result.problems.some((problem) => problem.path === path), path);
  }
  const open = {
    dynamic: { pg_hba_replica: ["host all all 10.0.0.0/8 md5"] },
    isSealed: true,
  };
  assert.equal(config({ ...open, role: "replica" }).pgHba, null);
  assert.equal(warnings({ ...open, role: "primary" }).length, 0);
});

Deno.test("effectivePostgres() makes arguments of options for pg_rewind", () => {
  const dynamic = { rewind: ["debug", { "sync-method": "syncfs" }, "dry-run"] };
  assert.deepEqual(config({ dynamic }).rewindOptions, [
    "--debug",
    "--sync-method=syncfs",
  ]);
  assert.deepEqual(warnings({ dynamic }), [
    "pg_rewind option dry-run is set by the agent, it is skipped",
  ]);
});
