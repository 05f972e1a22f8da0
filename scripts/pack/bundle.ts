/**
 * Makes the program folder that both kinds of executable carry: the whole
 * program as one JavaScript file, and beside it the files that packages read
 * at run time.
 *
 *     app/main.js     everything, bundled
 *     proto/*.proto   etcd's interface; etcd3 reads `__dirname/../proto`
 */

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./run.ts";

/** Bundled CommonJS packages look for their own files from `__dirname`. */
const PRELUDE = "globalThis.__dirname ??= import.meta.dirname;\n" +
  "globalThis.__filename ??= import.meta.filename;\n";

/**
 * Bundles `entry` into the empty folder `stage`.
 *
 * @throws {CommandError} If the program does not resolve or parse.
 */
export async function bundleInto(stage: string, entry: string): Promise<void> {
  const app = join(stage, "app");
  const proto = join(stage, "proto");
  await Deno.mkdir(app);
  await Deno.mkdir(proto);
  const main = join(app, "main.js");
  await run(Deno.execPath(), [
    "bundle",
    "--quiet",
    "--platform=deno",
    "--keep-names",
    "--output",
    main,
    entry,
  ]);
  await Deno.writeTextFile(main, PRELUDE + await Deno.readTextFile(main));

  const etcd3 = dirname(fileURLToPath(import.meta.resolve("etcd3")));
  const source = join(etcd3, "..", "proto");
  for await (const file of Deno.readDir(source)) {
    await Deno.copyFile(join(source, file.name), join(proto, file.name));
  }
}
