/**
 * Who streams from whom: the leader, or the member that a `replicatefrom` tag
 * names. One answer for the member itself and for everybody who keeps its slot.
 */
import { type ClusterView, memberOf } from "../../model/cluster_view.ts";
import type { MemberName, Tags } from "../../model/member.ts";

/** A member as far as its place in the topology goes. */
export interface Follower {
  readonly name: MemberName;
  readonly tags: Pick<Tags, "replicatefrom" | "isNostream">;
}

/**
 * The member that `follower` should stream from: the one its tag names if that
 * is registered and does not in turn stream from `follower`, else the leader.
 *
 * @returns Null: it streams from nobody (`nostream`, it leads, or nobody does).
 *
 * Source: docs/contract/ha.md 10.1.
 */
export function upstreamOf(
  view: ClusterView,
  follower: Follower,
): MemberName | null {
  if (follower.tags.isNostream) return null;
  const leader = view.leader?.name ?? null;
  if (follower.name === leader) return null;
  const wanted = follower.tags.replicatefrom;
  if (wanted === null || wanted === follower.name) return leader;
  const isKnown = (memberOf(view, wanted)?.connUrl ?? null) !== null;
  return isKnown && !isInLoop(view, follower) ? wanted : leader;
}

/** Whether the tags lead from `follower` around to itself. */
export function isInLoop(view: ClusterView, follower: Follower): boolean {
  const { end, closesAt } = chainOf(view, follower);
  return end === "loop" && closesAt === follower.name;
}

/**
 * Whether WAL comes to `follower` by streaming all the way from the leader.
 * Without that its slots cannot hold back the leader's vacuum.
 *
 * Source: docs/contract/ha.md 15.1, "no streaming path to the primary".
 */
export function hasStreamingPath(
  view: ClusterView,
  follower: Follower,
): boolean {
  return chainOf(view, follower).end === "leader";
}

/**
 * The member whose slot on the leader stands for `follower`'s whole branch: the
 * last before the leader. Null without a streaming path.
 */
export function branchHead(
  view: ClusterView,
  follower: Follower,
): MemberName | null {
  const { end, head } = chainOf(view, follower);
  return end === "leader" ? head : null;
}

interface Chain {
  readonly end: "leader" | "nostream" | "loop";
  /** The last member that was reached. */
  readonly head: MemberName;
  /** The member to which a loop returns. */
  readonly closesAt: MemberName | null;
}

/** Follows the tags from member to member. */
function chainOf(view: ClusterView, follower: Follower): Chain {
  const seen = new Set<MemberName>();
  let current = follower;
  for (;;) {
    const head = current.name;
    if (current.tags.isNostream) {
      return { end: "nostream", head, closesAt: null };
    }
    seen.add(head);
    const wanted = current.tags.replicatefrom;
    const isLeader = head === view.leader?.name ||
      wanted === view.leader?.name;
    const next = isLeader || wanted === null || wanted === head
      ? null
      : memberOf(view, wanted);
    if (next === null) return { end: "leader", head, closesAt: null };
    if (seen.has(next.name)) {
      return { end: "loop", head, closesAt: next.name };
    }
    current = next;
  }
}
