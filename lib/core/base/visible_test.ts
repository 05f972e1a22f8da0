/** Text of others on terminals and in logs. */
import assert from "node:assert/strict";
import { visible, visibleBlock } from "./visible.ts";

const HOSTILE: readonly (readonly [string, string])[] = [
  ["n1\u001b[2J", "n1\\u001b[2J"],
  ["n1\u009b31m", "n1\\u009b31m"],
  ["a\rb", "a\\u000db"],
  ["a\u0000b", "a\\u0000b"],
  ["a\u0007\u0008\u007f", "a\\u0007\\u0008\\u007f"],
  ["\u202egnp.exe\u202c", "\\u202egnp.exe\\u202c"],
  ["\u2066a\u2069\u200f\u061c", "\\u2066a\\u2069\\u200f\\u061c"],
  ["a\u2028b\u2029c\u0085d", "a\\u2028b\\u2029c\\u0085d"],
];

Deno.test("what a terminal acts on is written out", () => {
  for (const [text, shown] of HOSTILE) {
    assert.equal(visible(text), shown);
    assert.equal(visibleBlock(text), shown);
  }
  assert.equal(visible("a\nb\tc"), "a\\u000ab\\u0009c");
  assert.equal(visibleBlock("a\nb\tc"), "a\nb\tc");
});

Deno.test("ordinary text stays as it is", () => {
  for (
    const text of ["", "n1 - ok", "Zürich", "東京", "\u{1f418}", "\\u001b"]
  ) {
    assert.equal(visible(text), text);
    assert.equal(visibleBlock(text), text);
  }
});
