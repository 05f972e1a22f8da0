/** Asks members what the cluster page asks them: their status, and of themselves. */
import type { ClusterView } from "../../core/model/cluster_view.ts";
import type { Member } from "../../core/model/member.ts";
import type { PeerAnswer } from "../../core/model/peer_view.ts";
import type { MemberLook } from "../../ports/onlooker.ts";
import { callMember } from "../api_client.ts";
import { messageOf } from "../errors.ts";
import type { Session } from "../session.ts";

/** Members that are asked at the same time. */
const AT_ONCE = 32;
const TIMEOUT_MS = 2_000;
const OK = 200;

/** Each within its time limit, in the members' order; never rejects. */
export async function lookAtMembers(
  session: Session,
  { members }: ClusterView,
): Promise<readonly MemberLook[]> {
  const looks = new Map<number, MemberLook>();
  const left = [...members.entries()];
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [index, member] = next;
      const [answer, factsText] = await Promise.all([
        statusOf(session, member),
        factsOf(session, member),
      ]);
      looks.set(index, { answer, factsText });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return [...looks].toSorted(([one], [other]) => one - other)
    .map(([, look]) => look);
}

async function statusOf(
  session: Session,
  member: Member,
): Promise<PeerAnswer> {
  const { name } = member;
  try {
    const { body } = await get(session, member, "/patroni");
    return session.context.decodeAnswer(name, body);
  } catch (error) {
    return { kind: "silent", name, detail: messageOf(error) };
  }
}

/** Null: it has no such page, as Patroni's members. */
async function factsOf(
  session: Session,
  member: Member,
): Promise<string | null> {
  try {
    const { status, body } = await get(session, member, "/ui/facts");
    return status === OK ? body : null;
  } catch {
    // Why it does not answer is told by its status.
    return null;
  }
}

function get(session: Session, member: Member, path: string) {
  return callMember(session, member, {
    ...{ method: "GET", path },
    timeoutMs: TIMEOUT_MS,
  });
}
