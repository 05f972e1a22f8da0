import assert from "node:assert/strict";
import { messagesOf } from "./run_rule.ts";

const LIB = "lib/agent/loop.ts";

interface Case {
  readonly rule: string;
  readonly path: string;
  readonly source: string;
}

function reports(cases: readonly Case[], wanted: number): void {
  for (const { rule, path, source } of cases) {
    const found = messagesOf(rule, path, source);
    assert.equal(found.length, wanted, `${rule} in ${path}: ${source}`);
  }
}

function lines(count: number): string {
  return "a();\n".repeat(count);
}

Deno.test("size-limits measures files, functions and parameters", () => {
  const rule = "size-limits";
  reports([
    { rule, path: LIB, source: lines(401) },
    { rule, path: "lib/agent/loop_test.ts", source: lines(601) },
    { rule, path: LIB, source: `function f() {\n${lines(69)}}` },
    { rule, path: LIB, source: `f(() => {\n${lines(69)}});` },
    { rule, path: LIB, source: `function f(a, b, c, d) {}` },
    { rule, path: "tests/e2e/a_test.ts", source: `f(() => {${lines(140)}});` },
  ], 1);
  reports([
    { rule, path: LIB, source: lines(400) },
    { rule, path: "lib/agent/loop_test.ts", source: lines(600) },
    { rule, path: LIB, source: `function f() {\n${lines(68)}}` },
    { rule, path: LIB, source: `function f(a, b, c) {}` },
    { rule, path: "tests/fixtures/rows.ts", source: lines(700) },
  ], 0);
});

Deno.test("plain-types wants unions, checks and codecs", () => {
  const rule = "plain-types";
  reports([
    { rule, path: LIB, source: `enum A { B }` },
    { rule, path: LIB, source: `let a: any;` },
    { rule, path: LIB, source: `const a = b!;` },
    { rule, path: LIB, source: `const a = b as C;` },
    { rule, path: LIB, source: `const a = <C>b;` },
    { rule, path: "tests/e2e/a_test.ts", source: `let a: any;` },
    { rule, path: "scripts/compile.ts", source: `const a = b as C;` },
  ], 1);
  reports([
    { rule, path: LIB, source: `const a = [1] as const;` },
    { rule, path: LIB, source: `const a = { b } satisfies C;` },
    { rule, path: "lib/core/base/units.ts", source: `const a = b as C;` },
    { rule, path: "lib/core/codec/leader.ts", source: `const a = b as C;` },
    { rule, path: "lib/adapters/etcd/codec.ts", source: `const a = b as C;` },
    { rule, path: "tests/e2e/a_test.ts", source: `const a = b! as C;` },
  ], 0);
});

Deno.test("named-exports gives a thing one name and one address", () => {
  const rule = "named-exports";
  reports([
    { rule, path: LIB, source: `export default function f() {}` },
    { rule, path: "tests/e2e/a_test.ts", source: `export default 1;` },
    { rule, path: LIB, source: `export * from "./observe.ts";` },
    { rule, path: "proxy/a.ts", source: `export { a } from "./b.ts";` },
  ], 1);
  reports([
    { rule, path: LIB, source: `export function f(): void {}` },
    { rule, path: LIB, source: `const a = 1; export { a };` },
    { rule, path: "tests/helpers/a.ts", source: `export * from "./b.ts";` },
  ], 0);
});

Deno.test("function-form wants declarations that say what they return", () => {
  const rule = "function-form";
  reports([
    { rule, path: LIB, source: `const f = () => 1;` },
    { rule, path: LIB, source: `export const f = (): number => 1;` },
    { rule, path: LIB, source: `const f = function () {};` },
    { rule, path: LIB, source: `export function f() {}` },
  ], 1);
  reports([
    { rule, path: LIB, source: `function f() {}` },
    { rule, path: LIB, source: `export function f(): void {}` },
    { rule, path: LIB, source: `const rows = [{ match: () => null }];` },
    { rule, path: LIB, source: `function f() { const g = () => 1; }` },
  ], 0);
});

Deno.test("no-boolean-parameters wants a union in the core", () => {
  const rule = "no-boolean-parameters";
  const path = "lib/core/calc/lag.ts";
  reports([
    { rule, path, source: `function f(a: boolean) {}` },
    { rule, path, source: `function f(a = true) {}` },
    { rule, path, source: `class A { f(a: boolean = false) {} }` },
  ], 1);
  reports([
    { rule, path, source: `function f(a: "fast" | "immediate") {}` },
    { rule, path, source: `function f(): boolean { return true; }` },
    { rule, path: LIB, source: `function f(a: boolean) {}` },
  ], 0);
});

Deno.test("class-limits counts what others may call, and what changes", () => {
  const rule = "class-limits";
  const many = (count: number, what: (n: number) => string) =>
    Array.from({ length: count }, (_, n) => what(n)).join(" ");
  const method = (n: number) => `m${n}() {}`;
  const field = (n: number) => `#f${n} = ${n};`;
  const methods = (count: number, what = method) =>
    `class A { ${many(count, what)} }`;
  const listed = "proxy/native/relay_side.ts";
  const large = (count: number) =>
    `class A { ${many(count, method)} ${many(11, field)} }`;
  reports([
    { rule, path: LIB, source: methods(11) },
    { rule, path: LIB, source: methods(11, (n) => `get m${n}() {}`) },
    { rule, path: LIB, source: methods(7, field) },
    // Of the list: neither more than there, nor fewer.
    { rule, path: listed, source: large(15) },
    { rule, path: listed, source: large(13) },
  ], 1);
  reports([
    { rule, path: LIB, source: methods(10) },
    { rule, path: LIB, source: methods(20, (n) => `#m${n}() {}`) },
    { rule, path: LIB, source: methods(20, (n) => `private m${n}() {}`) },
    { rule, path: LIB, source: methods(6, field) },
    { rule, path: listed, source: large(14) },
    { rule, path: LIB, source: methods(20, (n) => `readonly #f${n} = ${n};`) },
    { rule, path: "lib/agent/loop_test.ts", source: methods(11) },
  ], 0);
});

Deno.test("rows-per-section measures tables of rules", () => {
  const rule = "rows-per-section";
  const path = "lib/core/rules/leader.ts";
  const rows = (count: number) => `[${"a, ".repeat(count)}]`;
  reports([
    { rule, path, source: `const A: readonly Rule[] = ${rows(26)};` },
    { rule, path, source: `const A = { rules: ${rows(26)} };` },
  ], 1);
  reports([
    { rule, path, source: `const A: readonly Rule[] = ${rows(25)};` },
    { rule, path, source: `const A: readonly Lsn[] = ${rows(26)};` },
    { rule, path: LIB, source: `const A = { rules: ${rows(26)} };` },
  ], 0);
});
