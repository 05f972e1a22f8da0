/** Connects the agent with the proxy process beside it. */
import type { ClientSessions } from "../adapters/proxy_process/drain.ts";
import {
  ProxyChild,
  type ProxyOrders,
} from "../adapters/proxy_process/proxy_child.ts";
import type { LocalConfig } from "../config/local_config.ts";
import { ConfigError } from "../config/problems.ts";
import { decodeProxyHost } from "../config/proxy_host.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import { HANDED_VARIABLE, handedText } from "./handed_config.ts";
import { EDITION_VARIABLE, proxyEdition } from "./proxy_edition.ts";
import { controlPathOf, makeControlFolder } from "./proxy_paths.ts";
import { selfCommand } from "./self_command.ts";

/** What the agent knows. */
export interface ProxyProcessParts {
  readonly config: LocalConfig;
  /** As given to the agent; null: the environment is the configuration. */
  readonly configPath: string | null;
  /** The environment as it was when the agent started, variables of the configuration included. */
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Log;
  /** The clients of the local instance. */
  readonly sessions: ClientSessions;
}

/**
 * The proxy beside this member; null if the configuration turns it off.
 *
 * It is handed the agent's configuration, and is started with the same file and
 * variables besides: so an operator sees in the process list what it belongs to,
 * and it can do without the agent.
 */
export async function proxyProcess(
  parts: ProxyProcessParts,
): Promise<ProxyChild | null> {
  const { clock, config, log } = parts;
  const orders = proxyOrders(parts);
  if (orders === null) return null;
  const { scope, name, postgresql: { dataDir } } = config;
  const member = { scope, name, dataDir };
  // A folder that a stranger made is told by the proxy, which does not start.
  const controlPath = await makeControlFolder(member)
    .catch(() => controlPathOf(member));
  return new ProxyChild({ clock, log, controlPath }, orders);
}

/** What a configuration means for the proxy; null: it turns the proxy off. */
export function proxyOrders(
  parts: Omit<ProxyProcessParts, "clock" | "log">,
): ProxyOrders | null {
  const { config, configPath, env, sessions } = parts;
  if (config.proxy === null) return null;
  const self = selfCommand();
  const paths = configPath === null ? [] : [configPath];
  const edition = proxyEdition(config);
  const input = handed(config);
  return {
    start: {
      command: self.command,
      args: [...self.args, "proxy", ...paths],
      env: {
        ...{ ...env, ...self.env, [EDITION_VARIABLE]: edition },
        ...(input === null ? {} : { [HANDED_VARIABLE]: "stdin" }),
      },
      input,
      edition,
    },
    drain: { sessions, timeoutMs: config.proxy.drainTimeoutMs },
  };
}

/** Null: the proxy shall read it itself, and say in its own words what is wrong. */
function handed({ document }: LocalConfig): string | null {
  try {
    return handedText(decodeProxyHost(document));
  } catch (error) {
    if (error instanceof ConfigError) return null;
    throw error;
  }
}
