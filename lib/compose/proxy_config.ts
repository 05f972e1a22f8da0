/**
 * A proxy's configuration by its own files and variables. The loader is a third
 * of what a proxy would have to load: only who was handed nothing needs it.
 */
import { loadDocument } from "../config/load.ts";
import { decodeProxyFile } from "../config/proxy_clusters.ts";
import type { ProxyHostConfig } from "../config/proxy_host.ts";
import { DISK_READER } from "./load.ts";
import { logUnusable } from "./unusable_log.ts";

/**
 * Reads and decodes it; what cannot be used is told in the log that it names.
 *
 * @param path File or directory; null: the environment is the configuration.
 * @throws {ConfigError} With every problem at once.
 */
export async function readProxyConfig(
  path: string | null,
): Promise<ProxyHostConfig> {
  try {
    const env = Deno.env.toObject();
    const { document } = await loadDocument({ path, env, reader: DISK_READER });
    return decodeProxyFile(document);
  } catch (error) {
    await logUnusable(path, error);
    throw error;
  }
}
