/**
 * Copies of the configuration files inside of the data directory, for a clone
 * that comes without them because they are kept elsewhere.
 */
import { basename, join } from "node:path";
import {
  exists,
  readTextOrNull,
  writeAtomically,
  writeIfDifferent,
} from "../directory/files.ts";
import type { PostgresContext } from "../options.ts";
import { CONFIG_FILES, configPath } from "./config_paths.ts";

/** Copies the files that are there. */
export async function copyConfig(context: PostgresContext): Promise<void> {
  for (const [path, copy] of copies(context)) {
    const text = await readTextOrNull(path);
    if (text !== null) await writeIfDifferent(copy, text);
  }
}

/** Puts those that are missing back from their copies. */
export async function restoreConfig(context: PostgresContext): Promise<void> {
  for (const [path, copy] of copies(context)) {
    if (await exists(path)) continue;
    const text = await readTextOrNull(copy);
    if (text !== null) await writeAtomically(path, text);
  }
}

function copies(
  { options }: PostgresContext,
): readonly (readonly [string, string])[] {
  return CONFIG_FILES.map((file) => {
    const path = configPath(options, file);
    return [path, join(options.dataDir, `${basename(path)}.backup`)];
  });
}
