/**
 * What must become true once nothing goes wrong any more: one leader that is a
 * writable primary, or in a standby cluster streams from the remote, and
 * everybody else streaming from it on its timeline.
 */
import type { Instance } from "./instance.ts";
import type { Site, World } from "./world.ts";
import { type Branch, contains, type Point } from "./wal.ts";

/** Why the cluster is not whole; null if it is. */
export function flawOf(world: World): string | null {
  const leader = world.driver.leader();
  const lead = leader === null ? null : world.site(leader);
  if (lead === null) return "nobody holds the leader key";
  const flaw = world.isStandbyCluster
    ? standbyLeaderFlaw(world, lead)
    : leaderFlaw(lead);
  if (flaw !== null) return flaw;
  if (!lead.host.isBelieving) return `${lead.name} has no lease`;
  for (const site of world.sites) {
    const flaw = site === lead ? null : replicaFlaw(site, lead);
    if (flaw !== null) return flaw;
  }
  return null;
}

function leaderFlaw({ instance, name }: Site): string | null {
  return instance.isWritable ? null : `${name} leads but is not writable`;
}

function standbyLeaderFlaw(
  { remote }: World,
  { instance, name }: Site,
): string | null {
  if (!instance.isStandbyRunning) return `${name} is ${instance.run}`;
  return instance.replication.source === remote
    ? null
    : `${name} leads but does not stream from the remote`;
}

function replicaFlaw(site: Site, lead: Site): string | null {
  const { instance, name } = site;
  if (instance.isWritable) return `${name} is a second primary`;
  if (!instance.isStandbyRunning) return `${name} is ${instance.run}`;
  if (instance.replication.source !== lead.instance) {
    return `${name} does not stream from ${lead.name}`;
  }
  return timelineOf(instance) === timelineOf(lead.instance)
    ? null
    : `${name} is on another timeline`;
}

function timelineOf(instance: Instance): number | null {
  return instance.data?.point.branch.timeline ?? null;
}

/**
 * True if an instance has WAL on a timeline of the leader's own number that is
 * not the leader's: two promotions that never heard of each other. PostgreSQL
 * cannot tell such twins apart, and neither can anybody who reads timelines.
 */
export function hasTwinTimeline(world: World): boolean {
  const leader = world.driver.leader();
  const lead = leader === null ? null : world.instance(leader);
  if (lead?.data == null) return false;
  const { point } = lead.data;
  return world.sites.some(({ instance }) => {
    const other = instance.data?.point;
    if (other === undefined || contains(point, other)) return false;
    return hasNamesake(point, other);
  });
}

/** `path` has a branch of the same number as `point`'s, and it is another one. */
function hasNamesake(path: Point, point: Point): boolean {
  for (
    let branch: Branch | null = path.branch;
    branch !== null;
    branch = branch.parent
  ) {
    if (branch.timeline !== point.branch.timeline) continue;
    return branch !== point.branch;
  }
  return false;
}

/**
 * True if the initialize race was won by an agent that died, or lost the store,
 * before its initdb was done: the key says so to everybody, and only an operator
 * may remove it. The same holds for Patroni.
 */
export function isBootstrapInterrupted(world: World): boolean {
  return world.driver.isBootstrapping() &&
    world.sites.every(({ instance }) => instance.data === null);
}
