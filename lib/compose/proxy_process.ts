/** Connects the agent with the proxy process beside it. */
import type { ClientSessions } from "../adapters/proxy_process/drain.ts";
import { ProxyChild } from "../adapters/proxy_process/proxy_child.ts";
import type { LocalConfig } from "../config/local_config.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { ProxyProcess } from "../ports/proxy_process.ts";
import { controlPathOf, settingsKeyOf } from "./proxy_paths.ts";
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
 * It reads the same configuration as the agent, from the same file and
 * variables, so an operator sees in the process list what it belongs to.
 */
export function proxyProcess(parts: ProxyProcessParts): ProxyProcess | null {
  const { clock, config, configPath, env, log, sessions } = parts;
  if (config.proxy === null) return null;
  const { scope, name, postgresql: { dataDir } } = config;
  const self = selfCommand();
  const paths = configPath === null ? [] : [configPath];
  return new ProxyChild({
    start: {
      command: self.command,
      args: [...self.args, "proxy", ...paths],
      env: { ...env, ...self.env },
    },
    controlPath: controlPathOf({ scope, name, dataDir }),
    settingsKey: settingsKeyOf(config.proxy),
    clock,
    log,
    drain: { sessions, timeoutMs: config.proxy.drainTimeoutMs },
  });
}
