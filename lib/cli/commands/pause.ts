/** `pause` and `resume`: automatic changes off and on again. */
import { isPausedIn } from "../../core/calc/documents/cluster_document.ts";
import type { ClusterView } from "../../core/model/cluster_view.ts";
import type { MemberName } from "../../core/model/member.ts";
import { callMember } from "../api_client.ts";
import type { HttpReply } from "../context.ts";
import {
  CLUSTER_ARGUMENT,
  GROUP_OPTION,
  type OnlineCommand,
} from "../definition.ts";
import { CliError, messageOf } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { leaderFirst, loopWaitS } from "../replies.ts";
import {
  log,
  print,
  type Scope,
  type Session,
  withCluster,
} from "../session.ts";

const POLL_MS = 1000;

/** What is asked of the cluster. */
type Mode = "pause" | "resume";

/** `pause`. */
export const PAUSE_COMMAND: OnlineCommand = {
  name: "pause",
  summary: "Turn automatic changes off (maintenance mode)",
  arguments: [CLUSTER_ARGUMENT],
  options: [GROUP_OPTION, {
    flags: ["--wait"],
    value: "none",
    help: "Wait until every member knows it",
  }],
  run: (invocation, session) => changeMode("pause", invocation, session),
};

/** `resume`. */
export const RESUME_COMMAND: OnlineCommand = {
  ...PAUSE_COMMAND,
  name: "resume",
  summary: "Turn automatic changes on again",
  run: (invocation, session) => changeMode("resume", invocation, session),
};

async function changeMode(
  mode: Mode,
  invocation: Invocation,
  session: Session,
): Promise<void> {
  await withCluster(session, invocation, async (scope) => {
    const view = await scope.read();
    const isPaused = isPausedIn(view.config?.document ?? {});
    if (isPaused === (mode === "pause")) {
      const state = isPaused ? "already paused" : "not paused";
      throw new CliError(`Cluster is ${state}`);
    }
    const reply = await patchAnyMember(mode, session, view);
    if (reply.status !== 200) {
      print(
        session,
        `Failed: ${mode} cluster management status code=${reply.status}, ` +
          `(${reply.body})`,
      );
      return;
    }
    if (invocation.has("--wait") && !await isKnown(mode, session, scope)) {
      return;
    }
    const result = mode === "pause" ? "paused" : "resumed";
    print(session, `Success: cluster management is ${result}`);
  });
}

async function patchAnyMember(
  mode: Mode,
  session: Session,
  view: ClusterView,
): Promise<HttpReply> {
  const body = { pause: mode === "pause" ? true : null };
  for (const member of leaderFirst(view)) {
    try {
      const call = { method: "PATCH", path: "/config", body } as const;
      return await callMember(session, member, call);
    } catch (error) {
      log(
        session,
        "WARNING",
        `Member ${member.name} is not accessible: ${messageOf(error)}`,
      );
    }
  }
  throw new CliError("Can not find accessible cluster member");
}

/** Waits until every member published the mode; says who did not in time. */
async function isKnown(
  mode: Mode,
  session: Session,
  scope: Scope,
): Promise<boolean> {
  print(
    session,
    `'${mode}' request sent, waiting until it is recognized by all nodes`,
  );
  const before = await scope.read();
  const asked = new Map(
    before.members.filter(({ apiUrl }) => apiUrl !== null)
      .map((member) => [member.name, JSON.stringify(facts(member))]),
  );
  const seconds = loopWaitS(before);
  let late: readonly MemberName[] = [];
  for (let round = 0; round <= seconds + 1; round += 1) {
    const { members } = await scope.read();
    const waited = members.filter((member) =>
      asked.has(member.name) && member.isPaused !== (mode === "pause")
    );
    if (waited.length === 0) return true;
    late = waited
      .filter((each) => JSON.stringify(facts(each)) !== asked.get(each.name))
      .map(({ name }) => name);
    await session.context.clock.sleep(POLL_MS);
  }
  if (late.length === 0) return true;
  print(
    session,
    `${late.join(", ")} members didn't recognized pause state after ` +
      `${seconds} seconds`,
  );
  return false;
}

/** What of a member key tells that it was written again. */
function facts(member: ClusterView["members"][number]): unknown {
  return Object.entries(member).map(([key, value]) => [key, String(value)]);
}
