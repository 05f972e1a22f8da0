import assert from "node:assert/strict";
import { SECTIONS } from "./decide.ts";

Deno.test("each rule has an id of its own, a sentence, and rises inside its section", () => {
  const ids = SECTIONS.flatMap((s) => s.rules.map((rule) => rule.id));
  assert.equal(new Set(ids).size, ids.length);
  for (const section of SECTIONS) {
    const numbers = section.rules.map((rule) => Number(rule.id.slice(1)));
    assert.deepEqual(numbers, numbers.toSorted((a, b) => a - b));
    for (const rule of section.rules) assert.match(rule.why, /^[A-Z].+\.$/);
  }
});
