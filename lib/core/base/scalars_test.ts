import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type BaseUnit,
  isTruthyFlag,
  parseBool,
  parseInteger,
  parseReal,
  roundHalfEven,
} from "./scalars.ts";

Deno.test("parseBool() reads the eight texts in any case", () => {
  for (const text of ["on", "True", "YES", "1", 1, true]) {
    assert.equal(parseBool(text), true, String(text));
  }
  for (const text of ["off", "False", "NO", "0", 0, false]) {
    assert.equal(parseBool(text), false, String(text));
  }
  for (const text of ["", "y", "n", "t", " on", "2", 2, null, undefined]) {
    assert.equal(parseBool(text), null, String(text));
  }
  assert.equal(parseBool([]), null);
  assert.equal(parseBool({}), null);
});

Deno.test("isTruthyFlag() is false only for empty values", () => {
  for (const value of [undefined, null, false, 0, 0n, "", [], {}]) {
    assert.equal(isTruthyFlag(value), false, String(value));
  }
  for (const value of [true, 1, -1, NaN, "false", "0", [0], { a: 1 }]) {
    assert.equal(isTruthyFlag(value), true, String(value));
  }
  assert.equal(isTruthyFlag(new Date(0)), true);
});

const PLAIN_INTEGERS: readonly (readonly [unknown, number | null])[] = [
  ["42", 42],
  [42, 42],
  [" 42 ", 42],
  ["+7", 7],
  ["-7", -7],
  ["-0", 0],
  ["0x1F", 31],
  ["-0x1f", -31],
  ["0644", 420],
  ["0", 0],
  ["1.5", 2],
  ["2.5", 2],
  ["-2.5", -2],
  ["0.5", 0],
  [".5", 0],
  ["-.75", -1],
  ["1e3", 1000],
  ["1E+3", 1000],
  [1e21, 1e21],
  [2.5, 2],
  ["08", null],
  ["1_000", null],
  ["0o17", null],
  ["5.", null],
  ["5e", null],
  ["1e999", null],
  ["", null],
  ["  ", null],
  ["-", null],
  ["x", null],
  [true, null],
  [null, null],
  [undefined, null],
  [NaN, null],
  [Infinity, null],
  [[1], null],
  ["5min", null],
  ["5 kB", null],
];

Deno.test("parseInteger() without a unit reads like strtol", () => {
  for (const [input, expected] of PLAIN_INTEGERS) {
    assert.equal(parseInteger(input), expected, String(input));
  }
});

const UNIT_INTEGERS: readonly (readonly [unknown, BaseUnit, number | null])[] =
  [
    ["4097.5kB", "kB", 4098],
    ["600kB", "MB", 1],
    ["1500ms", "s", 2],
    ["2500ms", "s", 2],
    ["1MB", "B", 1048576],
    ["1 MB", "B", 1048576],
    ["2GB", "MB", 2048],
    ["1TB", "MB", 1048576],
    ["128MB", "8kB", 16384],
    ["1.001GB", "8kB", 131200],
    ["1GB", "16MB", 64],
    ["30min", "s", 1800],
    ["2h", "s", 7200],
    ["1d", "min", 1440],
    ["1.5h", "min", 90],
    ["500us", "ms", 0],
    ["1501us", "ms", 2],
    ["100", "s", 100],
    [100, "MB", 100],
    ["0x10kB", "B", 16384],
    ["1024B", "kB", 1],
    ["2.5B", "B", 2],
    ["5mb", "MB", null],
    ["5KB", "kB", null],
    ["5 minutes", "s", null],
    ["5MB", "s", null],
    ["5s", "kB", null],
    ["kB", "kB", null],
  ];

Deno.test("parseInteger() with a base unit converts and rounds half to even", () => {
  for (const [input, unit, expected] of UNIT_INTEGERS) {
    assert.equal(parseInteger(input, unit), expected, `${input} in ${unit}`);
  }
});

Deno.test("parseReal() keeps the fraction of the base unit", () => {
  assert.equal(parseReal("0.9"), 0.9);
  assert.equal(parseReal("1500us", "ms"), 1.5);
  assert.equal(parseReal("-1"), -1);
  assert.equal(parseReal("1e-3"), 0.001);
  assert.equal(parseReal("on"), null);
});

Deno.test("roundHalfEven() takes the even neighbour of a half", () => {
  const cases = [[0.5, 0], [1.5, 2], [2.5, 2], [-0.5, 0], [-1.5, -2], [3, 3]];
  for (const [input, expected] of cases) {
    assert.equal(roundHalfEven(input ?? NaN) + 0, expected);
  }
});

Deno.test("the scalar readers accept anything and never fail", () => {
  fc.assert(fc.property(fc.anything(), (value) => {
    const integer = parseInteger(value, "kB");
    const bool = parseBool(value);
    isTruthyFlag(value);
    return (integer === null || Number.isFinite(integer)) &&
      (bool === null || typeof bool === "boolean");
  }));
});

Deno.test("parseInteger() reads back every safe integer", () => {
  fc.assert(fc.property(fc.maxSafeInteger(), (value) => {
    assert.equal(parseInteger(String(value)), value);
    assert.equal(parseInteger(value), value);
  }));
});
