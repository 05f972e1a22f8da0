import assert from "node:assert/strict";
import { SECTIONS } from "./decide.ts";

Deno.test("each rule has an id of its own, a sentence, and rises inside its section", () => {
  const rules = new Set(SECTIONS.flatMap((section) => section.rules));
  assert.equal(new Set([...rules].map(({ id }) => id)).size, rules.size);
  for (const section of SECTIONS) {
    const numbers = section.rules.map((rule) => Number(rule.id.slice(1)));
    assert.deepEqual(numbers, numbers.toSorted((a, b) => a - b));
    assert.equal(new Set(numbers).size, numbers.length, section.name);
    for (const rule of section.rules) assert.match(rule.why, /^[A-Z].+\.$/);
  }
});

Deno.test("each section can be read: 25 rows at most, each says what it decides", () => {
  for (const { name, rules } of SECTIONS) {
    assert.ok(rules.length <= 25, `${name} has ${rules.length} rows`);
    for (const { id, decides } of rules) {
      assert.ok(decides.length > 0, id);
      assert.equal(new Set(decides).size, decides.length, id);
    }
  }
});
