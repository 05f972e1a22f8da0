/** Archives whose bytes depend on nothing but names and contents of files. */

import { join } from "node:path";
import { run } from "./run.ts";

/** Arguments of GNU tar for one owner, one time and one order. */
export function sameBytes(epoch: number): readonly string[] {
  return [
    "--sort=name",
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    `--mtime=@${epoch}`,
    "--format=gnu",
  ];
}

/** Writes the folder `name` of `parent` as gzipped archive `output`. */
export async function tarGz(
  parent: string,
  name: string,
  { output, epoch }: { readonly output: string; readonly epoch: number },
): Promise<void> {
  const tar = join(parent, `${name}.tar`);
  const args = ["-cf", tar, "-C", parent, name];
  await run("tar", [...sameBytes(epoch), ...args]);
  await run("gzip", ["-9", "--no-name", "--force", tar]);
  await Deno.rename(`${tar}.gz`, output);
}
