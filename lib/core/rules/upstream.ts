/**
 * Whom a replica should stream from, and whether it does.
 */
import { upstreamOf } from "../calc/lead/topology.ts";
import { parseConnUrl } from "../codec/conn_url.ts";
import { memberOf } from "../model/cluster_view.ts";
import type { Member } from "../model/member.ts";
import type { Observation } from "../model/observation.ts";
import { leaderOf, replicaOf, viewOf } from "./parts.ts";

/** The member to stream from; null: no streaming. */
export function upstreamName(o: Observation): string | null {
  return upstreamOf(viewOf(o), { name: o.self, tags: o.tags });
}

/** The leader's member key; null: it is not there. */
export function leaderMember(o: Observation): Member | null {
  return memberOf(viewOf(o), leaderOf(o).name);
}

/**
 * Something that the standby should have on the upstream that it has is not in
 * force. In pause only what needs no restart counts.
 */
export function isStandbyOutdated(o: Observation): boolean {
  return o.standbyChange === "reload" ||
    (o.standbyChange === "restart" && !o.settings.isPaused);
}

/** True for a replica that is configured to stream from there. */
export function isOnUpstream(o: Observation): boolean {
  const replica = replicaOf(o);
  const name = upstreamName(o);
  if (replica === null) return false;
  if (name === null) return replica.upstream === null;
  const url = memberOf(viewOf(o), name)?.connUrl ?? null;
  const wanted = url === null ? null : parseConnUrl(url);
  if (wanted === null || replica.upstream === null) return false;
  return replica.upstream.host === wanted.host &&
    replica.upstream.port === wanted.port;
}
