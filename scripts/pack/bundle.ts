/**
 * Makes the program folder that both kinds of executable carry: the whole
 * program as one JavaScript file, and beside it the files that packages read
 * at run time.
 *
 *     app/main.js           everything, bundled
 *     app/proxy_worker.js   the proxy's threads
 *     proto/*.proto         etcd's interface; etcd3 reads `__dirname/../proto`
 */

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./run.ts";

/** Bundled CommonJS packages look for their own files from `__dirname`. */
const PRELUDE = "globalThis.__dirname ??= import.meta.dirname;\n" +
  "globalThis.__filename ??= import.meta.filename;\n";

const PROXY_WORKER = fileURLToPath(
  new URL("../../proxy/native/worker.ts", import.meta.url),
);

async function bundleFile(source: string, output: string): Promise<void> {
  await run(Deno.execPath(), [
    "bundle",
    "--quiet",
    "--platform=deno",
    "--keep-names",
    "--output",
    output,
    source,
  ]);
  await Deno.writeTextFile(output, PRELUDE + await Deno.readTextFile(output));
}

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
  await bundleFile(entry, join(app, "main.js"));
  // `new Worker` wants a file of its own.
  await bundleFile(PROXY_WORKER, join(app, "proxy_worker.js"));

  const etcd3 = dirname(fileURLToPath(import.meta.resolve("etcd3")));
  const source = join(etcd3, "..", "proto");
  for await (const file of Deno.readDir(source)) {
    await Deno.copyFile(join(source, file.name), join(proto, file.name));
  }
}
