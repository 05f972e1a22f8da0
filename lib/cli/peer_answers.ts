/** Asks every member for its state, all at the same time. */
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { PeerAnswer } from "../core/model/peer_view.ts";
import { callMember } from "./api_client.ts";
import { messageOf } from "./errors.ts";
import type { Session } from "./session.ts";

const TIMEOUT_MS = 2_000;

/** The answers of all members that have an address; never throws. */
export async function askMembers(
  session: Session,
  view: ClusterView,
): Promise<readonly PeerAnswer[]> {
  const reachable = view.members.filter(({ apiUrl }) => apiUrl !== null);
  return await Promise.all(
    reachable.map(async (member): Promise<PeerAnswer> => {
      const { name } = member;
      const call = {
        method: "GET",
        path: "/patroni",
        timeoutMs: TIMEOUT_MS,
      } as const;
      try {
        const { body } = await callMember(session, member, call);
        return session.context.decodeAnswer(name, body);
      } catch (error) {
        return { kind: "silent", name, detail: messageOf(error) };
      }
    }),
  );
}
