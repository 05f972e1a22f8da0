/**
 * What a program says when it refuses to start: in the log that its operator
 * watches, as CRITICAL, and on stderr, where whoever started it looks.
 */
import type { Log } from "../ports/log.ts";
import type { LogConfig } from "../config/local_config.ts";
import { isRefusal, refusalLines } from "./refusal.ts";

const EXIT_REFUSED = 1;

/**
 * Says why the program does not start.
 *
 * @returns The exit code.
 * @throws The error itself if it is a bug of ours.
 */
export function refuse(
  error: unknown,
  { log, dir }: { readonly log: Log; readonly dir: LogConfig["dir"] },
): number {
  if (!isRefusal(error)) throw error;
  const lines = refusalLines(error);
  for (const line of lines) log.critical(line.trimStart());
  // A log without a folder is stderr: nobody wants to read it twice.
  if (dir !== null) console.error(lines.join("\n"));
  return EXIT_REFUSED;
}
