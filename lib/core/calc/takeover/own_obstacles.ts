/**
 * What stands in the way of a takeover and only the member itself knows. It tells
 * it at GET /explain; whether it matters depends on the other voters.
 */
import type { ClusterView } from "../../model/cluster_view.ts";
import type { MemberName } from "../../model/member.ts";

/** All of them. */
export const OWN_OBSTACLES = [
  /** It has not heard the leader's agent since the leader began. */
  "leader_unheard",
  /** It may have agreed to its leader in failsafe mode before it was started. */
  "consent_may_stand",
  /** The store takes no entry of it. */
  "pledges_refused",
] as const;

/** One of them, of one member. */
export interface OwnObstacle {
  readonly code: typeof OWN_OBSTACLES[number];
  readonly member: MemberName;
}

/** What a member knows of itself. */
interface OwnCircumstances {
  readonly self: MemberName;
  readonly view: Pick<ClusterView, "sync">;
  readonly isLeaderHeard: boolean;
  readonly mayHaveConsented: boolean;
  readonly areEntriesRefused: boolean;
}

/** What this member says of itself while takeover is on. */
export function ownObstaclesOf(own: OwnCircumstances): readonly OwnObstacle[] {
  const { self: member, view, isLeaderHeard, mayHaveConsented } = own;
  const found: OwnObstacle["code"][] = [];
  if (view.sync.standbys.includes(member)) {
    if (!isLeaderHeard) found.push("leader_unheard");
    if (mayHaveConsented) found.push("consent_may_stand");
  }
  if (own.areEntriesRefused) found.push("pledges_refused");
  return found.map((code) => ({ code, member }));
}

/**
 * Those of `told` that leave too few voters for a takeover; empty: the others
 * would do.
 *
 * @example
 * ```ts
 * import { decisiveAmong } from "./own_obstacles.ts";
 * const told = [{ code: "leader_unheard", member: "n2" }] as const;
 * const sync = { leader: "n1", quorum: 0, standbys: ["n2", "n3"], revision: null };
 * const leader = { name: "n1" };
 * const found = decisiveAmong(told, { leader, sync, members: [] });
 * if (found.length > 0) throw new Error("n3 is enough");
 * ```
 */
export function decisiveAmong(
  told: readonly OwnObstacle[],
  { leader, members, sync }: {
    readonly leader: Pick<NonNullable<ClusterView["leader"]>, "name"> | null;
    readonly members: ClusterView["members"];
    readonly sync: Pick<ClusterView["sync"], "quorum" | "standbys">;
  },
): readonly OwnObstacle[] {
  const voters = sync.standbys.filter((name) => name !== leader?.name);
  const ofVoters = told.filter(({ member }) => voters.includes(member));
  const able = voters.filter((name) =>
    !ofVoters.some(({ member }) => member === name) &&
    members.find((one) => one.name === name)?.pledging !== "behind"
  );
  return able.length > sync.quorum ? [] : ofVoters;
}
