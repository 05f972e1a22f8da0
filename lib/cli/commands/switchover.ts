/** `switchover`: another member takes over from a healthy leader. */
import {
  CLUSTER_ARGUMENT,
  type CommandDefinition,
  FORCE_OPTION,
  GROUP_OPTION,
} from "../definition.ts";
import { changeLeader } from "./change_leader.ts";
import { rehearseSwitchover } from "./rehearsal.ts";

/** `switchover`. */
export const SWITCHOVER_COMMAND: CommandDefinition = {
  name: "switchover",
  summary: "Let another member take over from the leader, now or later",
  arguments: [CLUSTER_ARGUMENT],
  options: [
    GROUP_OPTION,
    {
      flags: ["--leader", "--primary"],
      value: "text",
      help: "The current leader",
    },
    { flags: ["--candidate"], value: "text", help: "The member to take over" },
    {
      flags: ["--scheduled"],
      value: "text",
      help: "When, for example 2030-01-01T10:00:00+01:00; now by default",
    },
    FORCE_OPTION,
    {
      flags: ["--dry-run"],
      value: "none",
      help: "Change nothing; say who would take over and why not the others",
    },
  ],
  run: (invocation, session) =>
    invocation.has("--dry-run")
      ? rehearseSwitchover(invocation, session)
      : changeLeader("switchover", invocation, session),
};
