/**
 * Why a lost leader could not be taken over from at the moment. The same list
 * keeps members from pledging and is told to people.
 */
import type { ClusterView } from "../../model/cluster_view.ts";
import type { MemberName } from "../../model/member.ts";
import type { StoreObstacle } from "../../model/pledge_view.ts";
import type { ClusterSettings } from "../../model/settings.ts";
import type { OwnObstacle } from "./own_obstacles.ts";

/** One thing that stands in the way. */
export type Obstacle =
  | {
    readonly code:
      | "off"
      | "asynchronous"
      | "paused"
      | "standby_cluster"
      | StoreObstacle
      | "no_leader"
      | "no_voters"
      | "no_voter_may_lead";
  }
  /** Only the member knows that of itself. */
  | OwnObstacle
  /** It is of another program or version, or does not know that takeover is on. */
  | {
    readonly code: "leader_cannot_object" | "voter_cannot_pledge";
    readonly member: MemberName;
    /** As in its member key; null: it has none. */
    readonly version: string | null;
  }
  /** So many voters still catch up that the others are too few. */
  | {
    readonly code: "voters_behind";
    readonly members: readonly MemberName[];
  };

/** What a store must promise; null: it does. */
export function storeObstacleOf(
  { hasTransactions, mayForget }: {
    readonly hasTransactions: boolean;
    readonly mayForget: boolean;
  },
): StoreObstacle | null {
  if (!hasTransactions) return "store_without_transactions";
  return mayForget ? "store_may_forget" : null;
}

/** What it depends on. */
export interface TakeoverCircumstances {
  readonly settings: ClusterSettings;
  readonly view: Pick<ClusterView, "leader" | "sync" | "members">;
  readonly storeObstacle: StoreObstacle | null;
}

/**
 * Everything that stands in the way; empty: enough pledges would do.
 *
 * @example
 * ```ts
 * import { DEFAULT_SETTINGS } from "../../model/settings.ts";
 * import { obstaclesOf } from "./obstacles.ts";
 * const sync = { leader: null, quorum: 0, standbys: [], revision: null };
 * const view = { leader: null, sync, members: [] };
 * const found = obstaclesOf({
 *   settings: DEFAULT_SETTINGS,
 *   view,
 *   storeObstacle: null,
 * });
 * if (found[0]?.code !== "off") throw new Error("it is off by default");
 * ```
 */
export function obstaclesOf(
  { settings, view, storeObstacle }: TakeoverCircumstances,
): readonly Obstacle[] {
  if (settings.takeover === null) return [{ code: "off" }];
  const found: Obstacle[] = [];
  if (settings.isStandbyCluster) found.push({ code: "standby_cluster" });
  else if (settings.synchronousMode === "off") {
    found.push({ code: "asynchronous" });
  }
  if (settings.isPaused) found.push({ code: "paused" });
  if (storeObstacle !== null) found.push({ code: storeObstacle });
  return [...found, ...memberObstacles(view)];
}

function memberObstacles(
  view: TakeoverCircumstances["view"],
): readonly Obstacle[] {
  const { leader, sync: { quorum, standbys }, members } = view;
  if (leader === null) return [{ code: "no_leader" }];
  const known = (name: MemberName) =>
    members.find((member) => member.name === name);
  const found: Obstacle[] = [];
  const holder = known(leader.name);
  if (holder?.pledging == null) {
    const version = holder?.version ?? null;
    const { name: member } = leader;
    found.push({ code: "leader_cannot_object", member, version });
  }
  const voters = standbys.filter((name) => name !== leader.name);
  if (voters.length === 0) return [...found, { code: "no_voters" }];
  for (const member of voters) {
    const voter = known(member);
    if (voter?.pledging != null) continue;
    const version = voter?.version ?? null;
    found.push({ code: "voter_cannot_pledge", member, version });
  }
  const behind = voters.filter((name) => known(name)?.pledging === "behind");
  if (voters.length - behind.length <= quorum && behind.length > 0) {
    found.push({ code: "voters_behind", members: behind });
  }
  const mayLead = voters.some((name) =>
    known(name)?.tags.isNofailover !== true
  );
  if (!mayLead) found.push({ code: "no_voter_may_lead" });
  return found;
}
