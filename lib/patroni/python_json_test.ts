import assert from "node:assert/strict";
import { pythonJson } from "./python_json.ts";

/** Right: what Python's json.dumps() writes. */
const CASES: readonly (readonly [unknown, string])[] = [
  [{ a: [1, null, true], b: {} }, '{"a": [1, null, true], "b": {}}'],
  ["é\u007f\n\u0001~", '"\\u00e9\\u007f\\n\\u0001~"'],
  ["😀", '"\\ud83d\\ude00"'],
  [12345678901234567890n, "12345678901234567890"],
  [[], "[]"],
];

for (const [value, text] of CASES) {
  Deno.test(`pythonJson() writes ${text}`, () => {
    assert.equal(pythonJson(value), text);
  });
}

Deno.test("pythonJson() leaves out fields that are undefined", () => {
  assert.equal(pythonJson({ a: undefined, b: 1 }), '{"b": 1}');
});
