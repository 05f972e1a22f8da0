/** Every command of this program, in one place; each lives in its own file. */
import { EDIT_CONFIG_COMMAND } from "./commands/edit_config.ts";
import { FAILOVER_COMMAND } from "./commands/failover.ts";
import { LIST_COMMAND, TOPOLOGY_COMMAND } from "./commands/list.ts";
import { SHOW_CONFIG_COMMAND } from "./commands/show_config.ts";
import { SWITCHOVER_COMMAND } from "./commands/switchover.ts";
import { VERSION_COMMAND } from "./commands/version.ts";
import type { CommandDefinition } from "./definition.ts";

/** All commands, in no particular order. */
export const COMMANDS: readonly CommandDefinition[] = [
  EDIT_CONFIG_COMMAND,
  FAILOVER_COMMAND,
  LIST_COMMAND,
  SHOW_CONFIG_COMMAND,
  SWITCHOVER_COMMAND,
  TOPOLOGY_COMMAND,
  VERSION_COMMAND,
];
