import assert from "node:assert/strict";
import fc from "fast-check";
import { unifiedDiff } from "./unified_diff.ts";

function lines(...each: readonly (string | number)[]): string {
  return each.map((line) => `${line}\n`).join("");
}

Deno.test("unifiedDiff() of equal texts is empty", () => {
  assert.deepEqual(unifiedDiff("a\n", "a\n"), []);
});

Deno.test("unifiedDiff() shows removed lines before added ones", () => {
  assert.deepEqual(unifiedDiff("a\nb\n", "a\nc\n"), [
    "--- ",
    "+++ ",
    "@@ -1,2 +1,2 @@",
    " a",
    "-b",
    "+c",
  ]);
});

Deno.test("unifiedDiff() counts empty and single ranges as diff does", () => {
  assert.equal(unifiedDiff("", "a\n")[2], "@@ -0,0 +1 @@");
  assert.equal(unifiedDiff("a\n", "")[2], "@@ -1 +0,0 @@");
  assert.equal(unifiedDiff("a\n", "a\nb\n")[2], "@@ -1 +1,2 @@");
});

Deno.test("unifiedDiff() keeps three lines of context and splits far changes", () => {
  const before = lines(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
  const after = lines(1, "x", 3, 4, 5, 6, 7, 8, "y", 10);
  const heads = unifiedDiff(before, after).filter((line) =>
    line.startsWith("@@")
  );
  assert.deepEqual(heads, ["@@ -1,10 +1,10 @@"]);
  const farther = lines(1, "x", 3, 4, 5, 6, 7, 8, 9, "y");
  assert.deepEqual(
    unifiedDiff(before, farther).filter((line) => line.startsWith("@@")),
    ["@@ -1,5 +1,5 @@", "@@ -7,4 +7,4 @@"],
  );
});

/** What `patch` does, without fuzz. */
function patched(before: string, diff: readonly string[]): string {
  const source = before.split("\n").slice(0, -1);
  const result: string[] = [];
  let at = 0;
  for (const line of diff.slice(2)) {
    const head = /^@@ -(\d+)(?:,(\d+))? /.exec(line);
    if (head !== null) {
      const start = Number(head[1]) - (head[2] === "0" ? 0 : 1);
      result.push(...source.slice(at, start));
      at = start;
      continue;
    }
    if (line.startsWith("+")) result.push(line.slice(1));
    else {
      assert.equal(source[at], line.slice(1));
      if (line.startsWith(" ")) result.push(line.slice(1));
      at++;
    }
  }
  return lines(...result, ...source.slice(at));
}

Deno.test("unifiedDiff() applied to the old text gives the new one", () => {
  const text = fc.array(fc.constantFrom("a", "b", "c", "-d", "+e", "@@"))
    .map((each) => lines(...each));
  fc.assert(
    fc.property(text, text, (before, after) => {
      assert.equal(patched(before, unifiedDiff(before, after)), after);
    }),
    { numRuns: 2000 },
  );
});
