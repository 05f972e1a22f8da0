/** `reload`: members read their local configuration again. */
import { callMember } from "../api_client.ts";
import {
  type CommandDefinition,
  FORCE_OPTION,
  GROUP_OPTION,
  MEMBERS_ARGUMENT,
  REQUIRED_CLUSTER_ARGUMENT,
  ROLE_OPTION,
} from "../definition.ts";
import {
  confirmMembers,
  selectionRequest,
  selectMembers,
} from "../member_selection.ts";
import { failureLine, loopWaitS } from "../replies.ts";
import { print, withCluster } from "../session.ts";

/** `reload`. */
export const RELOAD_COMMAND: CommandDefinition = {
  name: "reload",
  summary: "Let members read their local configuration again",
  arguments: [REQUIRED_CLUSTER_ARGUMENT, MEMBERS_ARGUMENT],
  options: [GROUP_OPTION, ROLE_OPTION, FORCE_OPTION],
  run: (invocation, session) =>
    withCluster(session, invocation, async (scope) => {
      const view = await scope.read();
      const request = selectionRequest(invocation, "reload");
      const members = await selectMembers(session, scope, { view, request });
      await confirmMembers(session, members, request);
      for (const member of members) {
        const call = { method: "POST", path: "/reload" } as const;
        const reply = await callMember(session, member, call);
        if (reply.status === 200) {
          print(session, `No changes to apply on member ${member.name}`);
        } else if (reply.status === 202) {
          print(
            session,
            `Reload request received for member ${member.name} and will be ` +
              `processed within ${loopWaitS(view)} seconds`,
          );
        } else {
          const what = `reload for member ${member.name}`;
          print(session, failureLine(what, reply));
        }
      }
    }),
};
