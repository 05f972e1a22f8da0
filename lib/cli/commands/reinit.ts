/** `reinit`: replicas throw their data away and copy it anew. */
import { parseJsonObject } from "../../core/codec/json.ts";
import type { Member } from "../../core/model/member.ts";
import { callMember } from "../api_client.ts";
import {
  type CommandDefinition,
  FORCE_OPTION,
  GROUP_OPTION,
  MEMBERS_ARGUMENT,
  REQUIRED_CLUSTER_ARGUMENT,
} from "../definition.ts";
import type { Invocation } from "../invocation.ts";
import {
  confirmMembers,
  selectionRequest,
  selectMembers,
} from "../member_selection.ts";
import { confirm } from "../prompts.ts";
import { failureLine } from "../replies.ts";
import { print, type Session, withCluster } from "../session.ts";

const POLL_MS = 2000;

/** `reinit`. */
export const REINIT_COMMAND: CommandDefinition = {
  name: "reinit",
  summary: "Let replicas throw their data away and copy it anew",
  arguments: [REQUIRED_CLUSTER_ARGUMENT, MEMBERS_ARGUMENT],
  options: [
    GROUP_OPTION,
    FORCE_OPTION,
    {
      flags: ["--from-leader"],
      value: "none",
      help: "Copy from the leader, by pg_basebackup",
    },
    { flags: ["--wait"], value: "none", help: "Wait until it is done" },
  ],
  run: (invocation, session) =>
    withCluster(session, invocation, async (scope) => {
      const view = await scope.read();
      const request = {
        ...selectionRequest(invocation, "reinitialize"),
        role: "replica",
      };
      const members = await selectMembers(session, scope, { view, request });
      if (members.length === 0) return;
      await confirmMembers(session, members, request);
      const started: Member[] = [];
      for (const member of members) {
        const isStarted = await reinitialize(invocation, session, member);
        if (isStarted) started.push(member);
      }
      if (invocation.has("--wait")) await untilDone(session, started);
    }),
};

/** Whether the member accepted; a running one may be cancelled and begun anew. */
async function reinitialize(
  invocation: Invocation,
  session: Session,
  member: Member,
): Promise<boolean> {
  let force = invocation.has("--force");
  for (;;) {
    const body = { force, from_leader: invocation.has("--from-leader") };
    const call = { method: "POST", path: "/reinitialize", body } as const;
    const reply = await callMember(session, member, call);
    const what = `reinitialize for member ${member.name}`;
    if (reply.status < 400) {
      print(session, `Success: ${what}`);
      return true;
    }
    print(session, failureLine(what, reply));
    const isRunning = reply.body.endsWith(" already in progress");
    if (!isRunning || invocation.has("--force")) return false;
    const question = "Do you want to cancel it and reinitialize anyway?";
    if (!await confirm(session.context, question)) return false;
    force = true;
  }
}

async function untilDone(
  session: Session,
  members: readonly Member[],
): Promise<void> {
  let waiting = members;
  let shown = 0;
  while (waiting.length > 0) {
    if (waiting.length !== shown) {
      const names = waiting.map(({ name }) => name).join(", ");
      print(session, `Waiting for reinitialize to complete on: ${names}`);
      shown = waiting.length;
    }
    await session.context.clock.sleep(POLL_MS);
    const still: Member[] = [];
    for (const member of waiting) {
      if (await isCopying(session, member)) still.push(member);
      else print(session, `Reinitialize is completed on: ${member.name}`);
    }
    waiting = still;
  }
}

/** A member that does not answer may well be copying. */
async function isCopying(session: Session, member: Member): Promise<boolean> {
  try {
    const call = { method: "GET", path: "/patroni" } as const;
    const { body } = await callMember(session, member, call);
    return parseJsonObject(body)?.["state"] === "creating replica";
  } catch {
    return true;
  }
}
