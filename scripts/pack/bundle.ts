/**
 * Makes the program folder that both kinds of executable carry: the program as
 * JavaScript, and beside it the files that packages read at run time.
 *
 *     app/main.js           what every start needs
 *     app/chunk-*.js ...    what main.js loads when it is needed
 *     app/proxy_worker.js   the proxy's threads
 *     proto/*.proto         etcd's interface; etcd3 reads `__dirname/../proto`
 *
 * The program is split along its dynamic imports: in one file, `list` would
 * read and parse the agent, the lab and the proxy as well, which takes longer
 * than all that it does.
 */

import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { packedText } from "./chunk_text.ts";
import { run } from "./run.ts";

/** Bundled CommonJS packages look for their own files from `__dirname`. */
const PRELUDE = "globalThis.__dirname ??= import.meta.dirname;\n" +
  "globalThis.__filename ??= import.meta.filename;\n";

const PROXY_WORKER = fileURLToPath(
  new URL("../../proxy/native/worker.ts", import.meta.url),
);

/** @param target `--output FILE`, or `--outdir FOLDER` with what else it takes. */
async function bundle(
  source: string,
  target: readonly string[],
): Promise<void> {
  const options = ["--quiet", "--platform=deno", "--keep-names"];
  await run(Deno.execPath(), ["bundle", ...options, ...target, source]);
}

/** Makes every file of `folder` small, and adds what it starts with. */
async function finish(folder: string): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) {
    const file = join(folder, name);
    const text = packedText(await Deno.readTextFile(file));
    await Deno.writeTextFile(file, PRELUDE + text);
  }
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
  await bundle(entry, ["--code-splitting", "--outdir", app]);
  const main = join(app, "main.js");
  const built = join(app, basename(entry).replace(/\.ts$/, ".js"));
  if (built !== main) await Deno.rename(built, main);
  // `new Worker` wants a file of its own.
  await bundle(PROXY_WORKER, ["--output", join(app, "proxy_worker.js")]);
  await finish(app);

  const etcd3 = dirname(fileURLToPath(import.meta.resolve("etcd3")));
  const source = join(etcd3, "..", "proto");
  for await (const file of Deno.readDir(source)) {
    await Deno.copyFile(join(source, file.name), join(proto, file.name));
  }
}
