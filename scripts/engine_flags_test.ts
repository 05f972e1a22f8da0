import assert from "node:assert/strict";
import { ENGINE_FLAGS } from "./engine_flags.ts";

Deno.test("the program starts itself with the flags that it is built with", () => {
  const url = new URL("../lib/compose/runtime_flags.ts", import.meta.url);
  const text = Deno.readTextFileSync(url);
  assert.ok(text.includes(`ENGINE_FLAGS =\n  "${ENGINE_FLAGS}";`), text);
});
