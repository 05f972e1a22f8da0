import assert from "node:assert/strict";
import fc from "fast-check";
import { parseYaml11, YamlError } from "./yaml_1_1.ts";

const SCALARS: readonly (readonly [string, unknown])[] = [
  ...["yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"]
    .map((text) => [text, true] as const),
  ...["no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"]
    .map((text) => [text, false] as const),
  ...["y", "n", "Y", "N", "tRue", "oN", "yEs"].map((text) =>
    [text, text] as const
  ),
  ["0644", 420],
  ["0640", 416],
  ["0", 0],
  ["08", "08"],
  ["0o644", "0o644"],
  ["0x1F", 31],
  ["-0x1f", -31],
  ["0x", "0x"],
  ["0x_", "0x_"],
  ["0b11", 3],
  ["0b_", "0b_"],
  ["1_000", 1000],
  ["+1", 1],
  ["-17", -17],
  ["1:30", 90],
  ["12:30:45", 45045],
  ["190:20:30", 685230],
  ["-1:30", -90],
  ["1:60", "1:60"],
  ["00:30", "00:30"],
  ["1:30.5", 90.5],
  ["1.5", 1.5],
  [".5", 0.5],
  ["5.", 5],
  ["1.0e+3", 1000],
  ["1.5E-1", 0.15],
  [".inf", Infinity],
  ["-.INF", -Infinity],
  [".nan", NaN],
  ["1e3", "1e3"],
  ["1.e3", "1.e3"],
  ["1.0e3", "1.0e3"],
  [".", "."],
  ["", null],
  ["~", null],
  ["null", null],
  ["Null", null],
  ["NULL", null],
  ["nUll", "nUll"],
  ["2024-01-01", "2024-01-01"],
  ["2024-01-01 10:00:00+02", "2024-01-01 10:00:00+02"],
  ["127.0.0.1:5432", "127.0.0.1:5432"],
  ["host:2379", "host:2379"],
  ["'yes'", "yes"],
  ['"0644"', "0644"],
  ["=", "="],
  ["!!str 0644", "0644"],
  ["!!int '12'", 12],
  ["!!timestamp 2024-01-01", "2024-01-01"],
  ["90071992547409931", "90071992547409931"],
];

Deno.test("parseYaml11() gives each scalar its YAML 1.1 type", () => {
  for (const [text, expected] of SCALARS) {
    assert.deepEqual(parseYaml11(`key: ${text}`), { key: expected }, text);
  }
});

Deno.test("parseYaml11() keeps its types under a %YAML 1.2 directive", () => {
  assert.deepEqual(parseYaml11("%YAML 1.2\n---\na: yes\nb: 0644"), {
    a: true,
    b: 420,
  });
});

Deno.test("parseYaml11() resolves merge keys, anchors and aliases", () => {
  const text = "base: &b {a: 1, c: 2}\nx:\n  c: 3\n  <<: *b\n" +
    "z: {<<: [*b, {d: 4}]}\nlist: &l [1]\nsame: *l\n";
  assert.deepEqual(parseYaml11(text), {
    base: { a: 1, c: 2 },
    x: { c: 3, a: 1 },
    z: { a: 1, c: 2, d: 4 },
    list: [1],
    same: [1],
  });
});

Deno.test("parseYaml11() lets the last of duplicate keys win", () => {
  assert.deepEqual(parseYaml11("a: 1\nb: {c: 1}\na: 2\nb: {d: 2}"), {
    a: 2,
    b: { d: 2 },
  });
});

Deno.test("parseYaml11() reads keys as texts and y as an ordinary key", () => {
  assert.deepEqual(parseYaml11("5432: a\ny: b\n"), { "5432": "a", y: "b" });
  const odd = parseYaml11("__proto__: {isAdmin: true}");
  assert.equal(Object.hasOwn(Object(odd), "__proto__"), true);
});

Deno.test("parseYaml11() gives null for an empty text", () => {
  assert.equal(parseYaml11(""), null);
  assert.equal(parseYaml11("# only a comment\n"), null);
});

const BROKEN: readonly (readonly [string, string, RegExp])[] = [
  ["open list", "a: [1,", /^line 1, column 7: /],
  ["nested mapping", "a: 1\nb: c: d", /^line 2, column 4: /],
  ["tab", "\ta: 1", /Tabs are not allowed/],
  ["two documents", "--- 1\n--- 2\n", /multiple documents/],
  ["unknown alias", "a: *zz", /Unresolved alias/],
  ["merge of a scalar", "<<: 3", /Merge sources must be maps/],
  ["foreign tag", "a: !!python/object:os.system x", /Unresolved tag/],
  ["binary", "a: !!binary aGVsbG8=", /line 1/],
  ["cycle", "a: &a [*a]", /nested deeper|Maximum|alias/i],
  ["depth", "[".repeat(100) + "]".repeat(100), /nested deeper than 64/],
  ["very deep", "[".repeat(100_000), /./],
  [
    "alias bomb",
    "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "bcdefgh".split("").map((name, i) => {
      const before = "abcdefgh"[i];
      return `${name}: &${name} [${Array(10).fill(`*${before}`).join(",")}]`;
    }).join("\n"),
    /alias/i,
  ],
];

Deno.test("parseYaml11() refuses what is not plain data", () => {
  for (const [name, text, message] of BROKEN) {
    const read = (): unknown => parseYaml11(text);
    assert.throws(read, (error) => {
      assert.ok(error instanceof YamlError, `${name}: ${error}`);
      assert.match(error.message, message, name);
      return true;
    }, name);
  }
});

Deno.test("parseYaml11() never quotes the file in its errors", () => {
  const secrets = [
    'password: "hunter2\\q"',
    "password: *hunter2",
    "password: @hunter2",
    "password: !hunter2 x",
    "- a\npassword: hunter2",
    "password: 'hunter2",
    "{password: hunter2",
  ];
  for (const text of secrets) {
    assert.throws(
      () => parseYaml11(text),
      (error) =>
        error instanceof YamlError && !error.message.includes("hunter"),
      text,
    );
  }
});

Deno.test("parseYaml11() never throws anything but YamlError", () => {
  const pieces = fc.constantFrom(
    ..."a: b -[]{},&*!|>'\"%@`#?<=\n\t~0.1e+_\\".split(""),
    "<<: ",
    "\n  ",
    "!!int ",
  );
  const texts = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        parseYaml11(text);
      } catch (error) {
        assert.ok(error instanceof YamlError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
