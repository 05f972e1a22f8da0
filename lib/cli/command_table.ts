/** Every command of this program, in one place; each lives in its own file. */
import { BARMAN_COMMAND } from "./commands/barman.ts";
import { CONFIG_COMMAND } from "./commands/config.ts";
import {
  DEMOTE_CLUSTER_COMMAND,
  PROMOTE_CLUSTER_COMMAND,
} from "./commands/cluster_role.ts";
import { CERTS_COMMAND } from "./commands/certs.ts";
import { COMPLETION_COMMAND } from "./commands/completion.ts";
import { DOCTOR_COMMAND } from "./commands/doctor.ts";
import { DSN_COMMAND } from "./commands/dsn.ts";
import { EDIT_CONFIG_COMMAND } from "./commands/edit_config.ts";
import { ETCD_COMMAND } from "./commands/etcd.ts";
import { EXPLAIN_COMMAND } from "./commands/explain.ts";
import { FAILOVER_COMMAND } from "./commands/failover.ts";
import { FLUSH_COMMAND } from "./commands/flush.ts";
import { HISTORY_COMMAND } from "./commands/history.ts";
import { INIT_COMMAND } from "./commands/init.ts";
import { JOIN_COMMAND } from "./commands/join.ts";
import { LEAVE_COMMAND } from "./commands/leave.ts";
import { LIST_COMMAND, TOPOLOGY_COMMAND } from "./commands/list.ts";
import { PAUSE_COMMAND, RESUME_COMMAND } from "./commands/pause.ts";
import { QUERY_COMMAND } from "./commands/query.ts";
import { REINIT_COMMAND } from "./commands/reinit.ts";
import { RELOAD_COMMAND } from "./commands/reload.ts";
import { REMOVE_HOST_COMMAND } from "./commands/remove_host.ts";
import { REMOVE_COMMAND } from "./commands/remove.ts";
import { RESTART_COMMAND } from "./commands/restart.ts";
import { SHOW_CONFIG_COMMAND } from "./commands/show_config.ts";
import { SWITCHOVER_COMMAND } from "./commands/switchover.ts";
import { TOKEN_COMMAND } from "./commands/token.ts";
import { TOP_COMMAND } from "./commands/top.ts";
import { VERSION_COMMAND } from "./commands/version.ts";
import { VIP_COMMAND } from "./commands/vip.ts";
import { CONFIGURE_COMMAND, SCAFFOLD_COMMAND } from "./commands/scaffold.ts";
import type { CommandDefinition } from "./definition.ts";

/** All commands, in alphabetical order. */
export const COMMANDS: readonly CommandDefinition[] = [
  BARMAN_COMMAND,
  CERTS_COMMAND,
  COMPLETION_COMMAND,
  CONFIG_COMMAND,
  CONFIGURE_COMMAND,
  DEMOTE_CLUSTER_COMMAND,
  DOCTOR_COMMAND,
  DSN_COMMAND,
  EDIT_CONFIG_COMMAND,
  ETCD_COMMAND,
  EXPLAIN_COMMAND,
  FAILOVER_COMMAND,
  FLUSH_COMMAND,
  HISTORY_COMMAND,
  INIT_COMMAND,
  JOIN_COMMAND,
  LEAVE_COMMAND,
  LIST_COMMAND,
  PAUSE_COMMAND,
  PROMOTE_CLUSTER_COMMAND,
  QUERY_COMMAND,
  REINIT_COMMAND,
  RELOAD_COMMAND,
  REMOVE_COMMAND,
  REMOVE_HOST_COMMAND,
  RESTART_COMMAND,
  RESUME_COMMAND,
  SCAFFOLD_COMMAND,
  SHOW_CONFIG_COMMAND,
  SWITCHOVER_COMMAND,
  TOKEN_COMMAND,
  TOP_COMMAND,
  TOPOLOGY_COMMAND,
  VERSION_COMMAND,
  VIP_COMMAND,
];
