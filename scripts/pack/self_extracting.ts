/**
 * The executable for build hosts that cannot get `denort`: the shell header
 * `header.sh`, then the Deno binary in use and the program, compressed.
 * The header explains how it starts.
 */

import { createHash } from "node:crypto";
import { join } from "node:path";
import { ENGINE_FLAGS } from "../engine_flags.ts";
import { run } from "./run.ts";

/** Files that are packed beside Deno, for example `app/main.js`. */
function filesIn(stage: string): readonly string[] {
  return foldersIn(stage).flatMap((folder) =>
    [...Deno.readDirSync(join(stage, folder))]
      .map(({ name }) => `${folder}/${name}`).toSorted()
  );
}

/** What there is of the program's folders. */
export function foldersIn(stage: string): readonly string[] {
  const names = [...Deno.readDirSync(stage)].map(({ name }) => name);
  return ["app", "etcd", "proto"].filter((name) => names.includes(name));
}

async function headerFor(
  payload: Uint8Array,
  files: readonly string[],
): Promise<string> {
  const template = await Deno.readTextFile(
    new URL("header.sh", import.meta.url),
  );
  const hash = createHash("sha256").update(payload).digest("hex");
  const header = template.replace("@HASH@", hash)
    .replace("@ENGINE_FLAGS@", ENGINE_FLAGS)
    .replace("@FILES@", files.join("\n"));
  // The header names the byte after itself, counted from 1.
  const rest = header.length - "@FROM@".length + 1;
  const digits = String(rest + String(rest).length).length;
  return header.replace("@FROM@", String(rest + digits));
}

/**
 * Packs the program folder `stage` and this Deno into the file `output`.
 *
 * The same input makes the same bytes.
 *
 * @param runtime The Deno binary.
 */
export async function packSelfExtracting(
  stage: string,
  output: string,
  runtime: string = Deno.execPath(),
): Promise<void> {
  const deno = join(stage, "deno");
  await Deno.copyFile(runtime, deno);
  await Deno.chmod(deno, 0o755);
  const archive = `${stage}.tar`;
  try {
    await run("tar", [
      "--sort=name",
      "--owner=0",
      "--group=0",
      "--numeric-owner",
      "--mtime=@0",
      "-cf",
      archive,
      "-C",
      stage,
      ...foldersIn(stage),
      "deno",
    ]);
    await run("gzip", ["-9", "--no-name", "--force", archive]);
    const payload = await Deno.readFile(`${archive}.gz`);
    const header = await headerFor(payload, filesIn(stage));
    const file = await Deno.open(output, {
      write: true,
      create: true,
      truncate: true,
    });
    const out = file.writable.getWriter();
    await out.write(new TextEncoder().encode(header));
    await out.write(payload);
    await out.close();
  } finally {
    await Deno.remove(archive).catch(() => {});
    await Deno.remove(`${archive}.gz`).catch(() => {});
  }
}
