/** Turns automatic changes off or on, and waits until every member knows it. */
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { MemberName } from "../core/model/member.ts";
import { callMember } from "./api_client.ts";
import type { HttpReply } from "./context.ts";
import { CliError, messageOf } from "./errors.ts";
import { leaderFirst, loopWaitS } from "./replies.ts";
import { log, print, type Scope, type Session } from "./session.ts";

const POLL_MS = 1000;

/** What is asked of the cluster. */
export type Mode = "pause" | "resume";

/** By the first member that answers. @throws {CliError} If none does. */
export async function patchAnyMember(
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
export async function isKnown(
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
