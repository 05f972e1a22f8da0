import assert from "node:assert/strict";
import { type PageKey, withTables } from "./configuration_tables.ts";

function key(path: string, scope = "local", fallback = ""): PageKey {
  return { path, fallback, scope, apply: "reload", meaning: `Of a|b ${path}` };
}

const PAGE = `# Title

<!-- keys: log -->
old
<!-- end of keys -->

Prose.

<!-- keys: member -->
<!-- end of keys -->
`;

Deno.test("withTables() fills the marked tables and leaves the prose", () => {
  const page = withTables(PAGE, [
    key("name"),
    key("log.level", "local", "INFO"),
  ]);
  assert.equal(
    page,
    `# Title

<!-- keys: log -->

| Key         | Default | Scope | Apply  | Meaning           |
| ----------- | ------- | ----- | ------ | ----------------- |
| \`log.level\` | \`INFO\`  | local | reload | Of a\\|b log.level |

<!-- end of keys -->

Prose.

<!-- keys: member -->

| Key    | Default | Scope | Apply  | Meaning      |
| ------ | ------- | ----- | ------ | ------------ |
| \`name\` |         | local | reload | Of a\\|b name |

<!-- end of keys -->
`,
  );
  assert.equal(
    withTables(page, [key("name"), key("log.level", "local", "INFO")]),
    page,
  );
});

Deno.test("withTables() refuses keys without a table, and tables without keys", () => {
  const all = [key("name"), key("log.level")];
  assert.throws(
    () => withTables(PAGE, [...all, key("ttl", "dynamic")]),
    /No table is for the keys of dynamic/,
  );
  assert.throws(() => withTables(PAGE, [key("name")]), /No keys are for log/);
});
