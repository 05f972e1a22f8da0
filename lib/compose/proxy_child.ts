/** Connects the agent with the proxy process beside it. */
import { ProxyChild } from "../adapters/proxy_process/proxy_child.ts";
import type { LocalConfig } from "../config/local_config.ts";
import { type ConfigMap, ownValue } from "../core/calc/config_merge.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { ProxyProcess } from "../ports/proxy_process.ts";
import { controlPathOf } from "./proxy_paths.ts";
import { selfCommand } from "./self_command.ts";

/** Sections that the proxy shares with its agent. */
const SHARED_KEYS = [
  "scope",
  "namespace",
  "name",
  "log",
  "etcd3",
  "sqlite",
  "proxy",
];

/**
 * The proxy beside this member; null if the configuration turns it off.
 *
 * It gets the agent's own merged configuration, as far as it needs it, through
 * its environment: files may change and variables are gone by then.
 */
export function proxyChild(
  config: LocalConfig,
  parts: { readonly clock: Clock; readonly log: Log },
): ProxyProcess | null {
  if (config.proxy === null) return null;
  const { scope, name, postgresql: { dataDir } } = config;
  const self = selfCommand();
  const document = JSON.stringify(proxyDocument(config));
  return new ProxyChild({
    ...parts,
    start: {
      command: self.command,
      args: [...self.args, "proxy"],
      env: { ...self.env, PATRONI_CONFIGURATION: document },
    },
    controlPath: controlPathOf({ scope, name, dataDir }),
  });
}

/** The short configuration of `config/proxy_host.ts`. */
function proxyDocument({ document, postgresql }: LocalConfig): ConfigMap {
  const shared = SHARED_KEYS.flatMap((key) => {
    const value = ownValue(document, key);
    return value === undefined ? [] : [[key, value] as const];
  });
  return {
    ...Object.fromEntries(shared),
    postgresql: { data_dir: postgresql.dataDir },
  };
}
