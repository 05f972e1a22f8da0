import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type ConfigMap,
  deepEqualByText,
  isConfigMap,
  mergePatch,
  ownValue,
  textForm,
} from "./config_merge.ts";

type MergeCase = readonly [string, ConfigMap, ConfigMap, ConfigMap, boolean];

const CASES: readonly MergeCase[] = [
  ["maps recurse", { a: { b: 1, c: 2 } }, { a: { c: 3 } }, {
    a: { b: 1, c: 3 },
  }, true],
  ["lists are replaced", { a: [1, 2] }, { a: [3] }, { a: [3] }, true],
  ["a map replaces a scalar", { a: 1 }, { a: { b: 2 } }, {
    a: { b: 2 },
  }, true],
  ["a scalar replaces a map", { a: { b: 2 } }, { a: 1 }, { a: 1 }, true],
  ["null deletes", { a: 1, b: 2 }, { a: null }, { b: 2 }, true],
  ["null of a missing key is no change", { a: 1 }, { b: null }, {
    a: 1,
  }, false],
  ["equal text keeps the earlier type", { a: 5432 }, { a: "5432" }, {
    a: 5432,
  }, false],
  ["equal list keeps the earlier one", { a: ["x"] }, { a: ["x"] }, {
    a: ["x"],
  }, false],
  ["a new key is a change", {}, { a: 1 }, { a: 1 }, true],
  ["a new map keeps its nulls", {}, { a: { b: null } }, {
    a: { b: null },
  }, true],
  ["a stored null is replaced", { a: null }, { a: 1 }, { a: 1 }, true],
  ["true is not the text true", { a: true }, { a: "true" }, {
    a: "true",
  }, true],
];

Deno.test("mergePatch() follows the rules of 1.3", () => {
  for (const [name, target, patch, value, isChanged] of CASES) {
    assert.deepEqual(mergePatch(target, patch), { value, isChanged }, name);
  }
});

Deno.test("mergePatch() leaves both inputs alone", () => {
  const target = Object.freeze({ a: Object.freeze({ b: 1 }) });
  const patch = Object.freeze({ a: Object.freeze({ b: 2, c: null }) });
  assert.deepEqual(mergePatch(target, patch).value, { a: { b: 2 } });
  assert.deepEqual(target, { a: { b: 1 } });
});

Deno.test("mergePatch() treats __proto__ as an ordinary key", () => {
  const patch: ConfigMap = JSON.parse('{"__proto__": {"isAdmin": true}}');
  const { value } = mergePatch({}, patch);
  assert.equal(Object.hasOwn(value, "__proto__"), true);
  assert.equal(ownValue(value, "isAdmin"), undefined);
  assert.equal("isAdmin" in {}, false);
});

Deno.test("deepEqualByText() compares keys as sets and scalars as text", () => {
  assert.equal(deepEqualByText({ a: 1, b: "x" }, { b: "x", a: "1" }), true);
  assert.equal(deepEqualByText({ a: { b: 30 } }, { a: { b: "30" } }), true);
  assert.equal(deepEqualByText({ a: 1 }, { a: 1, b: null }), false);
  assert.equal(deepEqualByText({ a: 1, c: 1 }, { a: 1, b: 1 }), false);
  assert.equal(deepEqualByText({ a: {} }, { a: "{}" }), false);
  assert.equal(deepEqualByText({ a: [1] }, { a: ["1"] }), false);
  assert.equal(deepEqualByText("x", "x"), true);
});

Deno.test("textForm() shows values in Python's form", () => {
  assert.equal(textForm(true), "True");
  assert.equal(textForm(null), "None");
  assert.equal(textForm("plain 'text'"), "plain 'text'");
  assert.equal(textForm(["it's", 1, null]), "['it\\'s', 1, None]");
  assert.equal(textForm({}), "{}");
});

const documents = fc.dictionary(fc.string(), fc.jsonValue());

Deno.test("mergePatch() of a document over itself never is a change", () => {
  fc.assert(fc.property(documents, (document) => {
    const clean = mergePatch({}, document).value;
    return !mergePatch(clean, clean).isChanged;
  }));
});

Deno.test("mergePatch() reports no change exactly when the texts are equal", () => {
  const plain = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer()));
  fc.assert(fc.property(plain, plain, (target, patch) => {
    const { value, isChanged } = mergePatch(target, patch);
    assert.equal(isChanged, !deepEqualByText(target, value));
    assert.equal(isConfigMap(value), true);
  }));
});
