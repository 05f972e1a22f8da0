/**
 * What a program says when it refuses to start: in the log that its operator
 * watches, as CRITICAL, and on stderr, where whoever started it looks.
 */
import type { Log } from "../ports/log.ts";
import { loadDocument } from "../config/load.ts";
import type { LogConfig } from "../config/local_config.ts";
import { ConfigError } from "../config/problems.ts";
import { FIRST_KEYS } from "../config/keys/all.ts";
import { readKeys } from "../config/keys/key.ts";
import { Wanted } from "../config/fields.ts";
import { DISK_READER } from "./load.ts";
import { createLog } from "./log.ts";
import { isRefusal, refusalLines } from "./refusal.ts";

const EXIT_REFUSED = 1;

const readLog = readKeys({ log: FIRST_KEYS.log } as const);

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

/**
 * A configuration that cannot be used may still name the log that is watched.
 * Writes the refusal there; stderr is the caller's.
 */
export async function logUnusable(
  path: string | null,
  error: unknown,
): Promise<void> {
  if (!isRefusal(error)) return;
  const config = await logConfigOf(path);
  if (config === null || config.dir === null) return;
  const log = createLog({ log: config, name: "" });
  for (const line of refusalLines(error)) log.critical(line.trimStart());
}

async function logConfigOf(path: string | null): Promise<LogConfig | null> {
  try {
    const env = Deno.env.toObject();
    const { document } = await loadDocument({ path, env, reader: DISK_READER });
    const config = readLog(document);
    return config instanceof Wanted ? null : config.log;
  } catch (error) {
    // The file itself cannot be read: there is no log but stderr.
    if (error instanceof ConfigError) return null;
    throw error;
  }
}
