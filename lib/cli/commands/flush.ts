/** `flush`: scheduled restarts and switchovers are called off. */
import { NO_FAILOVER_VALUE } from "../../core/codec/failover_codec.ts";
import type { Member } from "../../core/model/member.ts";
import { callMember } from "../api_client.ts";
import type { HttpReply } from "../context.ts";
import {
  type CommandDefinition,
  FORCE_OPTION,
  GROUP_OPTION,
  MEMBERS_ARGUMENT,
  REQUIRED_CLUSTER_ARGUMENT,
  ROLE_OPTION,
} from "../definition.ts";
import { messageOf } from "../errors.ts";
import {
  confirmMembers,
  selectionRequest,
  selectMembers,
} from "../member_selection.ts";
import { failureLine, leaderFirst } from "../replies.ts";
import type { Invocation } from "../invocation.ts";
import {
  log,
  print,
  type Scope,
  type Session,
  withCluster,
} from "../session.ts";
import { lineTimestamp } from "../timestamps.ts";

/** `flush`. */
export const FLUSH_COMMAND: CommandDefinition = {
  name: "flush",
  summary: "Call off scheduled restarts or the scheduled switchover",
  arguments: [
    REQUIRED_CLUSTER_ARGUMENT,
    MEMBERS_ARGUMENT,
    {
      name: "{restart|switchover}",
      arity: "last",
      choices: ["restart", "switchover"],
    },
  ],
  options: [GROUP_OPTION, ROLE_OPTION, FORCE_OPTION],
  run: (invocation, session) =>
    withCluster(
      session,
      invocation,
      (scope) =>
        invocation.positionals.at(-1) === "restart"
          ? flushRestarts(invocation, session, scope)
          : flushSwitchover(session, scope),
    ),
};

async function flushRestarts(
  invocation: Invocation,
  session: Session,
  scope: Scope,
): Promise<void> {
  const view = await scope.read();
  const request = {
    ...selectionRequest(invocation, "flush"),
    names: invocation.positionals.slice(1, -1),
  };
  const members = await selectMembers(session, scope, { view, request });
  await confirmMembers(session, members, request);
  for (const member of members) {
    if (member.scheduledRestart === null) {
      print(session, `No scheduled restart for member ${member.name}`);
      continue;
    }
    const call = { method: "DELETE", path: "/restart" } as const;
    const reply = await callMember(session, member, call);
    const what = `flush scheduled restart for member ${member.name}`;
    const isDone = reply.status === 200;
    print(session, isDone ? `Success: ${what}` : failureLine(what, reply));
  }
}

async function flushSwitchover(session: Session, scope: Scope): Promise<void> {
  const view = await scope.read();
  if (view.failover === null || view.failover.scheduledAt === null) {
    print(session, "No pending scheduled switchover");
    return;
  }
  for (const member of leaderFirst(view)) {
    const reply = await tryDelete(session, member);
    if (reply === null) continue;
    if (reply.status === 200 || reply.status === 404) {
      const result = reply.status === 200 ? "Success" : "Failed";
      print(session, `${result}: ${reply.body}`);
      return;
    }
    print(
      session,
      `Failed: member=${member.name}, status_code=${reply.status}, ` +
        `(${reply.body})`,
    );
  }
  const time = lineTimestamp(session.context.clock.wallTimeMs());
  print(
    session,
    `${time} Could not find any accessible member of cluster ${scope.name}`,
  );
  const key = "failover";
  const { revision } = view.failover;
  await scope.write({
    when: [{ kind: "revision_is", key, revision }],
    edits: [{ kind: "put", key, value: NO_FAILOVER_VALUE, session: null }],
  });
}

async function tryDelete(
  session: Session,
  member: Member,
): Promise<HttpReply | null> {
  try {
    const call = { method: "DELETE", path: "/switchover" } as const;
    return await callMember(session, member, call);
  } catch (error) {
    log(
      session,
      "WARNING",
      `Member ${member.name} is not accessible: ${messageOf(error)}`,
    );
    return null;
  }
}
