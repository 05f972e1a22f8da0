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
      join(stage, "app", "proxy_worker.js"),
      "--output",
      output,
      join(stage, "app", "main.js"),
    ], { signal: AbortSignal.timeout(DOWNLOAD_MS_MAX) });
    return true;
  } catch (error) {
    if (Deno.env.get("DENORT_BIN") || !lacksRuntime(error)) throw error;
    return false;
  }
}
