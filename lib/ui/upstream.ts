/** Whom a member streams from: what it tells itself goes before what its tag asks for. */
import { parseConnUrl } from "../core/codec/conn_url.ts";
import { upstreamOf } from "../core/calc/lead/topology.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { Member, MemberName } from "../core/model/member.ts";
import type { OwnFacts } from "./own_facts.ts";

/** Where a member hangs in the tree, and what is to be said of that. */
export interface ShownUpstream {
  /** Null: nobody, or somebody who is no member. */
  readonly name: MemberName | null;
  /** For people; null: nothing is to be said, or nothing was told. */
  readonly text: string | null;
  /** It streams from where it should. */
  readonly isAsWanted: boolean;
}

/**
 * @param own What the member tells of itself; null: nothing.
 */
export function shownUpstream(
  member: Member,
  view: ClusterView,
  own: OwnFacts | null,
): ShownUpstream {
  const wanted = upstreamOf(view, member);
  if (member.name === view.leader?.name || own === null) {
    return { name: wanted, text: null, isAsWanted: true };
  }
  if (own.upstream === null) return silent(wanted, own);
  const { host, port, isStreaming } = own.upstream;
  const found = view.members.find(({ connUrl }) => {
    const at = connUrl === null ? null : parseConnUrl(connUrl);
    return at?.host === host && at.port === port;
  });
  const where = found?.name ?? `${host}:${port}`;
  const should = found?.name === wanted || wanted === null
    ? ""
    : `; it should from ${wanted}`;
  return {
    name: found?.name ?? null,
    text: isStreaming
      ? `streams from ${where}${should}`
      : `does not stream; it is set to ${where}${should}`,
    isAsWanted: isStreaming && should === "",
  };
}

/** It has no upstream: it runs as no standby, follows nobody, or is of an older version. */
function silent(wanted: MemberName | null, own: OwnFacts): ShownUpstream {
  return own.isUpstreamTold && wanted !== null
    ? {
      name: wanted,
      text: `follows nobody; it should follow ${wanted}`,
      isAsWanted: false,
    }
    : { name: wanted, text: null, isAsWanted: true };
}
