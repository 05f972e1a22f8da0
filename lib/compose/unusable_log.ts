/** What is said of a configuration that cannot be used, in the log that it names. */
import { Wanted } from "../config/fields.ts";
import { FIRST_KEYS } from "../config/keys/all.ts";
import { readKeys } from "../config/keys/key.ts";
import { loadDocument } from "../config/load.ts";
import type { LogConfig } from "../config/local_config.ts";
import { ConfigError } from "../config/problems.ts";
import { DISK_READER } from "./load.ts";
import { createLog } from "./log.ts";
import { isRefusal, refusalLines } from "./refusal.ts";

const readLog = readKeys({ log: FIRST_KEYS.log } as const);

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
