import assert from "node:assert/strict";
import { tableText } from "./query_table.ts";

const HOSTILE = "a\u001b[2Jb\u202ec";

Deno.test("tableText() writes out what a terminal would act on, in every format", () => {
  const cell = { text: HOSTILE, value: HOSTILE };
  const table = { names: [HOSTILE], cells: [[cell]] };
  for (const format of ["tsv", "pretty", "json", "yaml"]) {
    const text = tableText(table, { format, delimiter: "\t" });
    assert.match(text, /2J/, format);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(text, /[\u001b\u202e]/, format);
  }
});

Deno.test("tableText() leaves the lines of a value as they are", () => {
  const cell = { text: "a\nb\tc", value: "a\nb\tc" };
  const text = tableText(
    { names: null, cells: [[cell]] },
    { format: "tsv", delimiter: "\t" },
  );
  assert.equal(text, "a\nb\tc\n");
});
