import assert from "node:assert/strict";
import fc from "fast-check";
import { parseYaml11 } from "./yaml_1_1.ts";
import { toFlowYaml, toYaml } from "./yaml_text.ts";

/** Left: a text. Right: how it stands behind `k: `, as PyYAML 6.0 writes it. */
const SCALARS: readonly (readonly [unknown, string])[] = [
  ["on", "'on'"],
  ["No", "'No'"],
  ["y", "y"],
  ["100", "'100'"],
  ["08", "08"],
  ["010", "'010'"],
  ["0x1f", "'0x1f'"],
  ["1_000", "'1_000'"],
  ["1.5", "'1.5'"],
  ["1e3", "1e3"],
  ["1.0e+3", "'1.0e+3'"],
  [".5", "'.5'"],
  ["12:30:45", "'12:30:45'"],
  ["2030-01-01", "'2030-01-01'"],
  ["2030-01-01T10:00:00Z", "'2030-01-01T10:00:00Z'"],
  ["2030-01-01T10:00", "2030-01-01T10:00"],
  ["null", "'null'"],
  ["~", "'~'"],
  ["=", "'='"],
  ["", "''"],
  ["it's", "it's"],
  ["'quoted'", "'''quoted'''"],
  ["a: b", "'a: b'"],
  ["a:b", "a:b"],
  ["a #b", "'a #b'"],
  ["a#b", "a#b"],
  ["- x", "'- x'"],
  ["-x", "-x"],
  ["*", "'*'"],
  ["%p", "'%p'"],
  ["cp %p /x", "cp %p /x"],
  [" a", "' a'"],
  ["a\tb", '"a\\tb"'],
  ["a\nb", "'a\n\n  b'"],
  ["é", "é"],
  ["---", "'---'"],
  [null, "null"],
  [true, "true"],
  [1e21, "1.0e+21"],
  [12345678901234567890n, "12345678901234567890"],
  [{}, "{}"],
  [[], "[]"],
];

for (const [value, text] of SCALARS) {
  Deno.test(`toYaml() writes ${JSON.stringify(String(value))} as ${text}`, () => {
    assert.equal(toYaml({ k: value }), `k: ${text}\n`);
  });
}

Deno.test("toYaml() sorts keys and puts items at the indent of their key", () => {
  const value = { b: [{ d: 1, c: [1, [2]] }, []], a: { "on": null, 日: "x" } };
  assert.equal(
    toYaml(value),
    `\
a:
  'on': null
  日: x
b:
- c:
  - 1
  - - 2
  d: 1
- []
`,
  );
});

Deno.test("toYaml() breaks long texts after column 200", () => {
  const words = Array.from({ length: 60 }, () => "word").join(" ");
  const [first, second] = toYaml({ a: { k: words } }).split("\n").slice(1);
  assert.equal(first, `  k: ${"word ".repeat(40).trimEnd()}`);
  assert.equal(second, `    ${"word ".repeat(20).trimEnd()}`);
});

Deno.test("toYaml() of something that is no map or list", () => {
  assert.deepEqual(
    [toYaml({}), toYaml([]), toYaml("x"), toYaml("'x'")],
    ["{}\n", "[]\n", "x\n...\n", "'''x'''\n"],
  );
});

Deno.test("toFlowYaml() is one line with sorted keys", () => {
  const value = { x: "on", clonefrom: true, list: [1, "a,b", "a:b"] };
  assert.equal(
    toFlowYaml(value),
    "{clonefrom: true, list: [1, 'a,b', 'a:b'], x: 'on'}",
  );
});

Deno.test("what toYaml() writes reads back as it was", () => {
  const text = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 12 }),
    fc.string({ unit: fc.constantFrom(..."a1 :#-'\"\n,[]{}~.xe") }),
    fc.constantFrom(...SCALARS.map(([value]) => String(value))),
  ).filter((each) => each.isWellFormed());
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      text,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(text.map((key) => key.slice(0, 20)), tie("value"), {
        maxKeys: 3,
        noNullPrototype: true,
      }),
    ),
  }));
  fc.assert(
    fc.property(value, (document) => {
      assert.deepEqual(parseYaml11(toYaml({ document })), { document });
    }),
    { numRuns: 2000 },
  );
});
