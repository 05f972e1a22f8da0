import assert from "node:assert/strict";
import { LogLines } from "../../tests/helpers/rest_app.ts";
import { MINIMAL_YAML } from "../config/fixtures/examples.ts";
import { decodeLocalConfig } from "../config/schema.ts";
import { isConfigMap } from "../core/calc/documents/config_merge.ts";
import { parseYaml11 } from "../patroni/yaml_1_1.ts";
import { postgresOptions } from "./postgres.ts";

Deno.test("keys of the dynamic configuration that nothing reads are told once", () => {
  const document = parseYaml11(MINIMAL_YAML);
  assert.ok(isConfigMap(document));
  const log = new LogLines();
  const { effective } = postgresOptions(
    decodeLocalConfig(document).config,
    log,
  );
  log.lines.length = 0;
  const dynamic = {
    ttl: 30,
    loop_wiat: 5,
    postgresql: { use_pg_rewindd: true, my_method: { command: "x" } },
  };
  effective(dynamic, 150_000, "replica");
  effective({ ...dynamic, retry_timeout: 5 }, 150_000, "primary");
  assert.deepEqual(log.lines, [
    'WARNING Unknown key loop_wiat sets nothing; did you mean "loop_wait"? ' +
    "(in the dynamic configuration)",
    "WARNING Unknown key postgresql.use_pg_rewindd sets nothing; " +
    'did you mean "use_pg_rewind"? (in the dynamic configuration)',
  ]);
});
