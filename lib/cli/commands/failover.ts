/** `failover`: a member takes over because there is no leader, or by force. */
import {
  CLUSTER_ARGUMENT,
  type CommandDefinition,
  FORCE_OPTION,
  GROUP_OPTION,
} from "../definition.ts";
import { changeLeader } from "./change_leader.ts";

/** `failover`. */
export const FAILOVER_COMMAND: CommandDefinition = {
  name: "failover",
  summary: "Make a member the leader, also without a healthy one",
  arguments: [CLUSTER_ARGUMENT],
  options: [
    GROUP_OPTION,
    { flags: ["--candidate"], value: "text", help: "The member to take over" },
    FORCE_OPTION,
  ],
  run: (invocation, session) => changeLeader("failover", invocation, session),
};
