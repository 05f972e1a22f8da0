import assert from "node:assert/strict";
import { join } from "node:path";
import { compileEmbedded } from "./embedded.ts";
import { CommandError } from "./run.ts";

Deno.test("a DENORT_BIN that is Deno itself is named, and leaves no file", async () => {
  const folder = await Deno.makeTempDir({ prefix: "matriarch-denort-" });
  const before = Deno.env.get("DENORT_BIN");
  try {
    for (const name of ["app", "proto"]) {
      await Deno.mkdir(join(folder, name));
    }
    const main = join(folder, "app/main.js");
    await Deno.writeTextFile(main, 'console.log("matriarch version 0")');
    Deno.env.set("DENORT_BIN", Deno.execPath());
    const output = join(folder, "made");
    await assert.rejects(
      compileEmbedded(folder, output),
      (error) =>
        error instanceof CommandError &&
        /^DENORT_BIN \(\/.*\) is no denort: .* says deno 2/.test(error.message),
    );
    await assert.rejects(Deno.stat(output), Deno.errors.NotFound);
  } finally {
    if (before === undefined) Deno.env.delete("DENORT_BIN");
    else Deno.env.set("DENORT_BIN", before);
    await Deno.remove(folder, { recursive: true });
  }
});
