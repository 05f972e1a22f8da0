import assert from "node:assert/strict";
import fc from "fast-check";
import {
  parseSettings,
  renderSettings,
  withoutSettings,
} from "./settings_file.ts";

Deno.test("renderSettings() sorts, quotes and puts recovery at the end", () => {
  const text = renderSettings({
    include: "postgresql.base.conf",
    parameters: { work_mem: "4MB", archive_command: "cp '%p' a\\b" },
    recovery: { primary_slot_name: "a" },
    areStandbysManaged: false,
  });
  assert.equal(
    text.split("\n").slice(2).join("\n"),
    `include 'postgresql.base.conf'

archive_command = 'cp ''%p'' a\\\\b'
work_mem = '4MB'

# recovery.conf
primary_slot_name = 'a'
`,
  );
});

Deno.test("parseSettings() reads back what renderSettings() wrote", () => {
  const name = fc.stringMatching(/^[a-z][a-z_]{0,8}$/)
    .filter((n) => n !== "include");
  const value = fc.string().filter((v) => !/[\n\r]/.test(v));
  fc.assert(fc.property(
    fc.dictionary(name, value, { noNullPrototype: true }),
    fc.option(fc.dictionary(name, value, { noNullPrototype: true })),
    fc.boolean(),
    (parameters, recovery, areStandbysManaged) => {
      const settings = {
        include: "x.conf",
        parameters,
        recovery,
        areStandbysManaged,
      };
      assert.deepEqual(parseSettings(renderSettings(settings)), settings);
    },
  ));
  assert.equal(parseSettings("port = 5432\n"), null);
});

Deno.test("withoutSettings() leaves broken and foreign lines alone", () => {
  const text = "# x\nPrimary_conninfo = 'a'\nbroken 'line\nwork_mem = '1'\n";
  assert.equal(
    withoutSettings(text, new Set(["primary_conninfo"])),
    "# x\nbroken 'line\nwork_mem = '1'\n",
  );
});
