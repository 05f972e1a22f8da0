import assert from "node:assert/strict";
import type { SqlAnswer, SqlTarget } from "../context.ts";
import { DEMO_KEYS, runIn, type World } from "../fake_context_test.ts";
import { passwordFor } from "../sql_target.ts";
import { sqlCell } from "../../patroni/sql_values.ts";

const ANSWER: SqlAnswer = {
  kind: "rows",
  columns: [{ name: "a", type: 23 }, { name: "b", type: 16 }, {
    name: "c",
    type: 25,
  }],
  rows: [["1", "t", null], ["22", "f", "x"]],
};

async function query(
  argv: readonly string[],
  over: World = {},
): Promise<{ out: string; err: string; code: number; targets: SqlTarget[] }> {
  const targets: SqlTarget[] = [];
  const { out, err, code } = await runIn({
    keys: DEMO_KEYS,
    environment: { USER: "joe", HOME: "/home/joe" },
    sql: (target) => {
      targets.push(target);
      return ANSWER;
    },
    ...over,
  }, ["query", "demo", ...argv]);
  return { out, err, code, targets };
}

Deno.test("query prints tsv in Python's text form", async () => {
  const { out, targets } = await query(["-c", "select"]);
  assert.equal(out, "a\tb\tc\n1\tTrue\tNone\n22\tFalse\tx\n");
  assert.deepEqual(targets, [{
    host: "10.0.0.1",
    port: 5432,
    username: "joe",
    database: "joe",
    password: "",
    isRecoveryWanted: null,
  }]);
});

Deno.test("query prints the other formats", async () => {
  const formats: readonly (readonly [string, string])[] = [
    [
      "json",
      '[{"a": 1, "b": true, "c": null}, {"a": 22, "b": false, "c": "x"}]\n',
    ],
    ["yaml", "- a: 1\n  b: true\n  c: null\n- a: 22\n  b: false\n  c: x\n\n"],
    ["xml", ""],
  ];
  for (const [format, text] of formats) {
    const { out } = await query(["-c", "x", "--format", format]);
    assert.equal(out, text);
  }
  const { out } = await query(["-c", "x", "--format", "pretty"]);
  assert.match(out, /^\+----\+-------\+------\+\n\| a {2}\| b {5}\| c {4}\|\n/);
  const semicolons = await query(["-c", "x", "--delimiter", ";"]);
  assert.match(semicolons.out, /^a;b;c\n1;True;None\n/);
});

Deno.test("query uses what is given, then the environment, then the password file", async () => {
  const files = { "/home/joe/.pgpass": "#x\n10.0.0.1:*:db:ann:s\\:ecret\n" };
  const { targets } = await query(
    ["-c", "x", "-U", "ann", "-d", "db", "-r", "primary"],
    { files },
  );
  assert.deepEqual(targets.map((each) => [each.username, each.password]), [
    ["ann", "s:ecret"],
  ]);
  assert.equal(targets[0]?.isRecoveryWanted, false);
  const asked = await query(["-c", "x", "--password", "-r", "standby"], {
    input: ["typed"],
    environment: { PGUSER: "pg", PGDATABASE: "d", PGPASSWORD: "no" },
  });
  assert.equal(asked.out.slice(0, 10), "Password: ");
  assert.deepEqual(asked.targets, [{
    host: "10.0.0.2",
    port: 5432,
    username: "pg",
    database: "d",
    password: "typed",
    isRecoveryWanted: true,
  }]);
});

Deno.test("what goes wrong is a row with the time", async () => {
  const cases: readonly (readonly [readonly string[], SqlAnswer, string])[] = [
    [["-m", "n9"], ANSWER, "No connection to member n9 is available"],
    [
      ["-r", "standby-leader"],
      { kind: "wrong_role" },
      "No connection to role 'standby-leader' is available",
    ],
    [[], { kind: "wrong_role" }, "No connection is available"],
    [
      [],
      { kind: "failed", code: "22012", message: "division by zero" },
      "ERROR, SQLSTATE: 22012",
    ],
    [
      [],
      { kind: "failed", code: null, message: "two\nlines" },
      "ERROR, SQLSTATE: two lines",
    ],
  ];
  for (const [argv, answer, text] of cases) {
    const { out, code } = await query(["-c", "x", ...argv], {
      sql: () => answer,
    });
    assert.match(out, /^[\d-]{10} [\d:]{8}\t/);
    assert.equal(out.slice(20), `${text}\n`);
    assert.equal(code, 0);
  }
});

Deno.test("query needs one source of SQL", async () => {
  const none = await query([]);
  assert.equal(
    none.err,
    "Error: You need to specify either --command or --file\n",
  );
  const files = { "/q": "select 2" };
  const both = await query(["-c", "x", "-f", "/q"], { files });
  assert.equal(
    both.err,
    "Error: --file and --command are mutually exclusive options\n",
  );
  const missing = await query(["-f", "/nope"]);
  assert.match(
    missing.err,
    /\n\nError: Invalid value for '--file' \/ '-f': '\/nope': No such file or directory\n$/,
  );
  assert.equal(missing.code, 2);
  const texts: string[] = [];
  await query(["-f", "/q"], {
    files,
    sql: (_target, text) => {
      texts.push(text);
      return ANSWER;
    },
  });
  assert.deepEqual(texts, ["select 2"]);
});

Deno.test("query -w runs again and again", async () => {
  const { targets } = await query(["-c", "x", "-w", "0.5"]);
  assert.equal(targets.length, 3);
});

const VALUES: readonly (readonly [string, number, string, unknown])[] = [
  ["2", 701, "2.0", 2],
  ["1.5", 701, "1.5", 1.5],
  ["9007199254740993", 20, "9007199254740993", 9007199254740993n],
  [
    "2026-11-20 04:38:48.6+00",
    1184,
    "2026-11-20 04:38:48.600000+00:00",
    "2026-11-20 04:38:48.600000+00:00",
  ],
  ["{1,2}", 1007, "[1, 2]", [1n, 2n]],
  ['{a,NULL,"b\\"c"}', 1009, `['a', None, 'b"c']`, ["a", null, 'b"c']],
  ["{{1},{2}}", 1007, "{{1},{2}}", "{{1},{2}}"],
  ['{"a":true}', 114, "{'a': True}", { a: true }],
  ["0/1", 3220, "0/1", "0/1"],
];

for (const [text, type, shown, value] of VALUES) {
  Deno.test(`SQL's ${text} of type ${type} is shown as ${shown}`, () => {
    assert.deepEqual(sqlCell(text, type), { text: shown, value });
  });
}

Deno.test("the first fitting line of a password file counts", () => {
  const target = { host: "h", port: 5, database: "d", username: "u" };
  const cases: readonly (readonly [string, string])[] = [
    ["*:*:*:*:a\nh:5:d:u:b", "a"],
    ["h:6:d:u:a\nh:5:d:u:b", "b"],
    ["h:5:d:x:a", ""],
    ["h:5:d:u", ""],
    ["", ""],
  ];
  for (const [text, password] of cases) {
    assert.equal(passwordFor(text, target), password);
  }
});
