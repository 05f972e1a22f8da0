/** Constructs the runner of the fencing command. */
import { FencingProgram } from "../adapters/fencing/fencing_program.ts";
import { fencingPath } from "../adapters/fencing/fencing_path.ts";
import type { LocalConfig } from "../config/local_config.ts";
import type { Log } from "../ports/log.ts";

/**
 * The runner. A program that is not there is told at once: the day on which it
 * is needed is too late.
 *
 * @param current Asked at every run, so that a reload takes effect.
 */
export function fencingProgram(
  log: Pick<Log, "info" | "warning">,
  current: () => LocalConfig["fencing"],
): FencingProgram {
  const [program] = current().command ?? [];
  if (program !== undefined && !isThere(program)) {
    log.warning(
      `fencing.command: there is no program ${program}, so this member can ` +
        "fence nobody: install it or give its whole path",
    );
  }
  return new FencingProgram({ log, command: () => current().command ?? [] });
}

function isThere(program: string): boolean {
  const paths = program.includes("/")
    ? [program]
    : fencingPath().split(":").map((folder) => `${folder}/${program}`);
  return paths.some((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}
