/**
 * How this program was started and how it starts itself again.
 *
 * It exists in three shapes: `deno run main.ts` from a checkout, the
 * executable of `deno compile`, and the self-extracting file (whose header,
 * scripts/pack/header.sh, sets the MATRIARCH_ variables read here).
 */

import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { ENGINE_FLAGS } from "./runtime_flags.ts";

/** A command that starts a second process of this very program. */
export interface SelfCommand {
  /** Absolute path of the executable. */
  readonly command: string;
  /** What comes before the program's own arguments. */
  readonly args: string[];
  /** What must be added to the environment of the new process. */
  readonly env: Record<string, string>;
}

/** The new process is "matriarch", even if the file is called patroni. */
const AS_VARIABLE = "MATRIARCH_AS";

function isSelfExtracted(): boolean {
  return Deno.env.has("MATRIARCH_EXE") &&
    Deno.mainModule.endsWith("/app/main.js");
}

/** The name in the process's own command line, as the shell gave it. */
function nameInCommandLine(): string {
  try {
    const line = Deno.readTextFileSync("/proc/self/cmdline");
    return basename(line.split("\0")[0] ?? "");
  } catch {
    return basename(Deno.execPath());
  }
}

/**
 * The name under which the program was called: "matriarch", or the name of a
 * link to it such as "patroni" or "patronictl". From a checkout it is always
 * "matriarch".
 *
 * Takes the answer out of the environment, so that child processes do not
 * inherit it: call it once, before anything is started.
 */
export function invokedName(): string {
  const given = Deno.env.get(AS_VARIABLE);
  const name = Deno.env.get("MATRIARCH_ARGV0");
  Deno.env.delete(AS_VARIABLE);
  Deno.env.delete("MATRIARCH_ARGV0");
  if (given) return given;
  if (isSelfExtracted()) return name || "matriarch";
  return Deno.build.standalone ? nameInCommandLine() : "matriarch";
}

/**
 * The command that starts this program again as a child process.
 *
 * The self-extracting file is started through the file itself, not through
 * what it unpacked: a cleaner of old files may have removed that, and after
 * an upgrade the child is of the new version, as with any executable.
 */
export function selfCommand(): SelfCommand {
  const env = { [AS_VARIABLE]: "matriarch" };
  const file = Deno.env.get("MATRIARCH_EXE");
  if (isSelfExtracted() && file) return { command: file, args: [], env };
  const command = Deno.execPath();
  if (Deno.build.standalone) return { command, args: [], env };
  const main = fileURLToPath(new URL("../../main.ts", import.meta.url));
  return {
    command,
    args: ["run", "--allow-all", "--quiet", "--no-prompt", ENGINE_FLAGS, main],
    env,
  };
}
