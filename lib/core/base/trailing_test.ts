import assert from "node:assert/strict";
import { withoutTrailing } from "./trailing.ts";

Deno.test("withoutTrailing() leaves what is not at the end", () => {
  assert.equal(withoutTrailing("/a//b///", "/"), "/a//b");
  assert.equal(withoutTrailing("10.0100", "0"), "10.01");
  assert.equal(withoutTrailing("///", "/"), "");
  assert.equal(withoutTrailing("", "/"), "");
});
