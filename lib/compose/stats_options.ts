/** The statistics of a proxy as its configuration asks for them. */
import { ConfigError } from "../config/problems.ts";
import type { ProxyConfig } from "../config/sections/proxy.ts";
import type { StatsOptions } from "../../proxy/options.ts";

/**
 * Null: there are none.
 *
 * @throws {ConfigError} If the certificate or its key cannot be read.
 */
export function statsOptions(proxy: ProxyConfig): StatsOptions | null {
  const { statsPort: port, statsUsername, statsPassword } = proxy;
  if (port === null) return null;
  return {
    port,
    listen: proxy.statsListen ?? proxy.listen,
    allow: proxy.statsAllow ?? proxy.allow,
    login: statsUsername === null || statsPassword === null
      ? null
      : { username: statsUsername, password: statsPassword },
    tls: tlsOf(proxy),
  };
}

function tlsOf(
  { statsCertfile, statsKeyfile }: ProxyConfig,
): StatsOptions["tls"] {
  if (statsCertfile === null) return null;
  const cert = textOf("stats_certfile", statsCertfile);
  // The key may stand in the certificate's file.
  const key = statsKeyfile === null
    ? cert
    : textOf("stats_keyfile", statsKeyfile);
  return { cert, key };
}

function textOf(key: string, path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`proxy.${key} cannot be read: ${why}`);
  }
}
