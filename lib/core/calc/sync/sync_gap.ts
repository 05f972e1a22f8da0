/**
 * The gap between the synchronous standbys that a leader should have and those
 * that serve it. While there is one, a lost leader may have nobody who may take
 * over, so whoever begins to stream must not wait for the leader's next cycle.
 */
import { type ClusterView, memberOf } from "../../model/cluster_view.ts";
import type { Member, MemberName } from "../../model/member.ts";
import { leadOf, type Observation } from "../../model/observation.ts";
import type { PrimaryView } from "../../model/postgres_view.ts";

/** What the last cycle of a leader saw. */
type LeaderSight = Pick<
  Observation,
  "dcs" | "lease" | "self" | "settings" | "postgres"
>;

/** Members that should serve and do not; empty: nobody is missed. */
export function missedStandbys(o: LeaderSight): readonly MemberName[] {
  const { dcs, postgres, settings, self } = o;
  const isOn = settings.synchronousMode !== "off" && !settings.isStandbyCluster;
  if (!isOn || dcs.kind !== "reachable" || leadOf(o) !== "self") return [];
  if (postgres.kind !== "running" || postgres.role !== "primary") return [];
  const able = dcs.view.members.filter((member) =>
    member.name !== self && canServe(dcs.view, member)
  );
  const missed = able.filter(({ name, state }) =>
    state !== "running" || !isStreaming(postgres, name)
  );
  const wanted = settings.synchronousMode === "on"
    ? settings.synchronousNodeCount
    : able.length;
  const isShort = able.length - missed.length < wanted;
  return isShort ? missed.map(({ name }) => name) : [];
}

/** Whether one that was missed has begun to stream since that look. */
export function hasCome(
  o: LeaderSight,
  streaming: readonly string[],
): boolean {
  const { postgres } = o;
  if (postgres.kind !== "running") return false;
  const now = new Set(streaming.map((name) => name.toLowerCase()));
  return missedStandbys(o).some((name) =>
    now.has(name.toLowerCase()) && !isStreaming(postgres, name)
  );
}

/** It may be waited for, and follows the leader itself as far as it is known. */
function canServe(view: ClusterView, { tags }: Member): boolean {
  if (tags.isNosync) return false;
  const source = tags.replicatefrom;
  return source === null || source === view.leader?.name ||
    memberOf(view, source) === null;
}

function isStreaming(
  { walSenders }: Pick<PrimaryView, "walSenders">,
  name: MemberName,
): boolean {
  return walSenders.some((sender) =>
    sender.state === "streaming" &&
    sender.applicationName.toLowerCase() === name.toLowerCase()
  );
}
