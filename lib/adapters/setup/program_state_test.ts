import assert from "node:assert/strict";
import { programState } from "./program_state.ts";

Deno.test("a program is there, may be executed, or is missing", async () => {
  const folder = await Deno.makeTempDir({ prefix: "matriarch-program-" });
  try {
    const file = `${folder}/fence`;
    assert.equal(await programState(file, ""), "missing");
    await Deno.writeTextFile(file, "#!/bin/sh\n", { mode: 0o644 });
    assert.equal(await programState(file, ""), "not_executable");
    const path = `/nonexistent:${folder}`;
    assert.equal(await programState("fence", path), "not_executable");
    await Deno.chmod(file, 0o755);
    assert.equal(await programState(file, ""), "usable");
    assert.equal(await programState("fence", path), "usable");
    assert.equal(await programState("fence", "/nonexistent"), "missing");
    assert.equal(await programState(folder, ""), "missing");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
