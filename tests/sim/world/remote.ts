/**
 * The primary of another scope that a standby cluster follows: no agent of ours
 * looks after it, it takes writes, and now and then it is away for a while.
 */
import { REMOTE } from "../../../lib/core/model/standby_cluster.ts";
import { Instance } from "./instance.ts";
import type { Point } from "./wal.ts";
import type { World } from "./world.ts";

/** Where a standby cluster is told to find it. */
export const REMOTE_ADDRESS = { host: "127.0.0.1", port: 5999 } as const;

/** The remote primary, running from `point` on. */
export function remoteOf(world: World, point: Point): Instance {
  const remote = new Instance(REMOTE, world);
  remote.install(point, "primary");
  revive(world, remote);
  return remote;
}

/** Its own people start it again until it runs. */
function revive(world: World, remote: Instance): void {
  remote.start("primary", (isRunning) => {
    if (!isRunning) world.timeline.after(1_000, () => revive(world, remote));
  });
}

/** Lets it be written to. */
export function writeRemote(world: World, remote: Instance): void {
  const rng = world.rng("remote");
  remote.commit(rng.int(1, 40) ** 3);
  world.timeline.after(
    rng.int(300, 2_500),
    () => writeRemote(world, remote),
  );
}

/** It is killed, and started again after that time. */
export function interruptRemote(
  world: World,
  remote: Instance,
  ms: number,
): void {
  remote.kill();
  world.timeline.after(ms, () => revive(world, remote));
}
