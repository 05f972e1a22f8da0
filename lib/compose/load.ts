/** Reads the local configuration from this process's files and environment. */
import { stat } from "node:fs/promises";
import {
  type ConfigReader,
  loadConfig,
  type LoadedConfig,
} from "../config/load.ts";

/** The file system as the loader asks it. */
export const DISK_READER: ConfigReader = {
  async kind(path) {
    try {
      const found = await stat(path);
      if (found.isFile()) return "file";
      return found.isDirectory() ? "directory" : "other";
    } catch {
      return "missing";
    }
  },
  async list(directory) {
    const names: string[] = [];
    for await (const entry of Deno.readDir(directory)) names.push(entry.name);
    return names;
  },
  read: (file) => Deno.readTextFile(file),
};

/** A configuration that can be read again. */
export interface Configuration {
  /** The environment as it was before its variables were taken out. */
  readonly env: Readonly<Record<string, string>>;
  readonly first: LoadedConfig;
  /** Reads the same sources again. Throws ConfigError. */
  readonly again: () => Promise<LoadedConfig>;
}

/**
 * Loads the configuration and takes its variables out of the environment, so that
 * no child process sees them.
 *
 * @param path File or directory; null: environment only.
 * @throws {ConfigError} With every problem at once.
 */
export async function loadConfiguration(
  path: string | null,
): Promise<Configuration> {
  const env = Deno.env.toObject();
  const again = () => loadConfig({ path, env, reader: DISK_READER });
  const first = await again();
  for (const name of first.consumedVariables) Deno.env.delete(name);
  return { env, first, again };
}
