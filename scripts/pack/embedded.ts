/**
 * The executable that `deno compile` makes. It embeds `denort`, a runtime
 * that comes from `DENORT_BIN`, Deno's cache, or Deno's download host.
 */

import { join } from "node:path";
import { ENGINE_FLAGS } from "../engine_flags.ts";
import { CommandError, run } from "./run.ts";

/** A download that has not ended by then is as good as none. */
const DOWNLOAD_MS_MAX = 180_000;

/** Whether `deno compile` failed for want of `denort`, not of the program. */
function lacksRuntime(error: unknown): boolean {
  return error instanceof CommandError &&
    /base binary|denort|ended with 1(37|43):/.test(error.message);
}

/**
 * Compiles the program folder `stage` into the executable `output`.
 *
 * @returns false if `denort` is not to be had; then nothing was written.
 * @throws {CommandError} If `DENORT_BIN` is set and not usable, or if the
 *   program cannot be compiled.
 */
export async function compileEmbedded(
  stage: string,
  output: string,
): Promise<boolean> {
  try {
    await run(Deno.execPath(), [
      "compile",
      "--quiet",
      "--allow-all",
      "--no-prompt",
      ENGINE_FLAGS,
      "--no-config",
      "--no-lock",
      "--no-check",
      "--include",
      join(stage, "proto"),
      "--include",
      join(stage, "app"),
      ...await includedEtcd(stage),
      "--output",
      output,
      join(stage, "app", "main.js"),
    ], { signal: AbortSignal.timeout(DOWNLOAD_MS_MAX) });
    await checkProgram(output);
    return true;
  } catch (error) {
    if (Deno.env.get("DENORT_BIN") || !lacksRuntime(error)) throw error;
    return false;
  }
}

/**
 * Deno embeds into whatever it is given: with its own binary as `DENORT_BIN` it
 * makes, without a word, a file that is Deno and not the program.
 */
async function checkProgram(output: string): Promise<void> {
  const said = await run(output, ["--version"]);
  if (said.startsWith("matriarch ")) return;
  await Deno.remove(output);
  throw new CommandError(
    `DENORT_BIN (${Deno.env.get("DENORT_BIN") ?? "not set"}) is no denort: ` +
      `the file that was made says ${said.split("\n")[0]}`,
  );
}

/** Left out of a build without etcd. */
async function includedEtcd(stage: string): Promise<readonly string[]> {
  const folder = join(stage, "etcd");
  const found = await Deno.stat(folder).catch(() => null);
  return found === null ? [] : ["--include", folder];
}
