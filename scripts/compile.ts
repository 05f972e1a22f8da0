/**
 * Makes the one file to copy: dist/matriarch.
 *
 * `deno compile` first; where its runtime cannot be had, a self-extracting
 * file with the same interface. Both carry the same bundled program.
 *
 * Options: --entry FILE (main.ts), --output FILE (dist/matriarch),
 * --self-extracting (do not try `deno compile`), --etcd PATH|none (another etcd
 * than Debian's, or none).
 */

import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { bundleInto } from "./pack/bundle.ts";
import { compileEmbedded } from "./pack/embedded.ts";
import { type EtcdSource, etcdSourceOf, packEtcd } from "./pack/etcd.ts";
import { CommandError } from "./pack/run.ts";
import { packSelfExtracting } from "./pack/self_extracting.ts";

interface Options {
  readonly entry: string;
  readonly output: string;
  readonly selfExtracting: boolean;
  readonly etcd: EtcdSource;
}

function readOptions(): Options {
  const root = resolve(import.meta.dirname ?? ".", "..");
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      "entry": { type: "string", default: join(root, "main.ts") },
      "output": { type: "string", default: join(root, "dist", "matriarch") },
      "self-extracting": { type: "boolean", default: false },
      "etcd": { type: "string" },
    },
  });
  return {
    entry: resolve(values.entry),
    output: resolve(values.output),
    selfExtracting: values["self-extracting"],
    etcd: etcdSourceOf(values.etcd),
  };
}

/** Builds the executable at `target`; says which kind it became. */
async function build(
  options: Options,
  stage: string,
  target: string,
): Promise<string> {
  await bundleInto(stage, options.entry);
  await packEtcd(stage, options.etcd);
  if (!options.selfExtracting) {
    if (await compileEmbedded(stage, target)) return "by deno compile";
    console.error(
      "compile: denort, the runtime that deno compile embeds, is not to be " +
        "had here: DENORT_BIN is not set and Deno's download host does not " +
        "answer. Making a self-extracting file with the same interface.",
    );
  }
  await packSelfExtracting(stage, target);
  return "self-extracting";
}

async function compile(options: Options): Promise<void> {
  const folder = dirname(options.output);
  await Deno.mkdir(folder, { recursive: true });
  const work = await Deno.makeTempDir({ dir: folder, prefix: ".compile-" });
  try {
    const stage = join(work, "stage");
    await Deno.mkdir(stage);
    const target = join(work, "matriarch");
    const kind = await build(options, stage, target);
    await Deno.chmod(target, 0o755);
    // A running program keeps its old file; nobody sees half a file.
    await Deno.rename(target, options.output);
    const { size } = await Deno.stat(options.output);
    const mib = (size / 2 ** 20).toFixed(1);
    console.log(`compile: ${options.output}, ${mib} MiB, ${kind}`);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

async function main(): Promise<number> {
  try {
    await compile(readOptions());
    return 0;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    console.error(`compile: ${error.message}`);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main());
