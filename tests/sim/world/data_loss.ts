/** Which member's disk may be replaced, so that no promise depends on it. */
import { contains } from "./wal.ts";
import type { Site, World } from "./world.ts";

/**
 * Once in a world, and never the only copy of what was promised: of a leader only
 * if nobody promised anything and somebody else has all of it.
 */
export function mayLoseData(world: World, site: Site): boolean {
  const leader = world.driver.leader();
  const data = site.instance.data;
  if (leader === null || data === null || world.hasLostData) return false;
  const isLeader = leader === site.name || site.instance.isWritable;
  const hasCopy = world.sites.some(({ instance, name }) =>
    instance !== site.instance && instance.isStandbyRunning &&
    world.plan.tags.get(name)?.isNofailover !== true &&
    instance.data !== null && contains(instance.data.point, data.point)
  );
  const isAllowed = isLeader
    ? hasCopy && world.plan.settings.synchronousMode === "off"
    : world.instance(leader)?.isWritable === true;
  if (isAllowed) world.hasLostData = true;
  return isAllowed;
}

/** True if nobody has any data left, and a disk was lost: nothing can bring it back. */
export function isAllLost(world: World): boolean {
  return world.hasLostData &&
    world.sites.every(({ instance }) => instance.data === null);
}

/**
 * The leader's disk was lost before it had listed the others for failsafe mode:
 * it may have gone on without them, so none of them may lead, and an operator has
 * to say which of them it is to be.
 */
export function isSurvivorUnlisted(world: World): boolean {
  const listed = world.driver.failsafeMembers();
  if (!world.hasLostData || listed === null) return false;
  if (world.driver.leader() !== null) return false;
  const survivors = world.sites.filter(({ instance }) =>
    instance.data !== null
  );
  return survivors.length > 0 &&
    survivors.every(({ name }) => !listed.includes(name));
}
