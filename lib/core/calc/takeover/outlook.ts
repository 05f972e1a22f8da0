/** What would become of a leader's host that is lost now, as it is told to people. */
import type { MemberName } from "../../model/member.ts";
import {
  fencersOf,
  type FencingCircumstances,
  type FencingObstacle,
  fencingObstaclesOf,
} from "./fencing_obstacles.ts";
import { type Obstacle, obstaclesOf } from "./obstacles.ts";

/** By pledges, else by fencing, else when its lease ends. */
export interface LossOutlook {
  /** What stands in the way of pledges; empty: nothing. */
  readonly obstacles: readonly Obstacle[];
  readonly fencing: {
    /** What stands in the way of fencing; empty: nothing. */
    readonly obstacles: readonly FencingObstacle[];
    /** Who could have the host fenced. */
    readonly members: readonly MemberName[];
  };
}

/** The outlook now. */
export function lossOutlook(circumstances: FencingCircumstances): LossOutlook {
  const { settings, view } = circumstances;
  return {
    obstacles: obstaclesOf(circumstances),
    fencing: {
      obstacles: fencingObstaclesOf(circumstances),
      members: fencersOf(settings, view),
    },
  };
}

/** By what a lost leader would be replaced; null: by nothing before its lease ends. */
export function replacedBy(
  { obstacles, fencing }: LossOutlook,
): "pledges" | "fencing" | null {
  if (obstacles.length === 0) return "pledges";
  return fencing.obstacles.length === 0 ? "fencing" : null;
}
