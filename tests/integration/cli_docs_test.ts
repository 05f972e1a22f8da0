/** Goal: docs/configuration.md says the same as the program does. */
import assert from "node:assert/strict";
import { keyReferences } from "../../lib/config/key_reference.ts";

Deno.test("docs/configuration.md has each key with its default, and no others", async () => {
  const text = await Deno.readTextFile(
    new URL("../../docs/configuration.md", import.meta.url),
  );
  const rows = [
    ...text.matchAll(
      /^\| `([^`]+)` +\| (.*?) +\| (\w+) +\| (\w+) +\| (.*?) +\|$/gm,
    ),
  ]
    .map(([, path, fallback, scope, apply, meaning]) => ({
      path,
      fallback: fallback?.replace(/^`(.*)`$/, "$1").trim(),
      scope,
      apply,
      meaning,
    }));
  assert.deepEqual(rows, keyReferences());
});
