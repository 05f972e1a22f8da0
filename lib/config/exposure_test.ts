import assert from "node:assert/strict";
import { mergePatch } from "../core/calc/documents/config_merge.ts";
import { MINIMAL_YAML } from "./fixtures/examples.ts";
import { decodeLocalConfig } from "./schema.ts";
import { parseYaml11 } from "../patroni/yaml_1_1.ts";

/** Paths of the warnings for the minimal example with another section `restapi`. */
function pathsFor(restapi: string): readonly string[] {
  const read = (text: string) => Object(parseYaml11(text));
  const open = "restapi: {authentication: null}";
  const base = mergePatch(read(MINIMAL_YAML), read(open)).value;
  const document = mergePatch(base, read(restapi)).value;
  return decodeLocalConfig(document).warnings.map(({ path }) => path);
}

Deno.test("an open REST API that others reach is told", () => {
  const told = ["restapi.authentication"];
  assert.deepEqual(pathsFor("a: 1"), ["a", ...told]);
  for (
    const listen of ["10.0.0.1:8008", "'*:8008'", "'[::]:8008'", "db1:8008"]
  ) {
    assert.deepEqual(pathsFor(`restapi: {listen: ${listen}}`), told, listen);
  }
});

Deno.test("a REST API with a limit, or for this host alone, is not told", () => {
  for (
    const section of [
      "{authentication: {username: a, password: b}}",
      "{allowlist: [10.0.0.0/8]}",
      "{allowlist_include_members: true}",
      "{listen: '127.0.0.1:8008'}",
      "{listen: '[::1]:8008'}",
      "{listen: 'localhost:8008'}",
      "{certfile: /a, cafile: /b, verify_client: required}",
    ]
  ) assert.deepEqual(pathsFor(`restapi: ${section}`), [], section);
});
