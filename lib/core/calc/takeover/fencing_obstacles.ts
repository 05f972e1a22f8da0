/**
 * Why a lost leader's host could not be fenced at the moment, where the pledges
 * of voters cannot prove that it is gone. The same list keeps members from it
 * and is told to people.
 */
import type { ClusterView } from "../../model/cluster_view.ts";
import type { MemberName } from "../../model/member.ts";
import type { StoreObstacle } from "../../model/pledge_view.ts";
import type { ClusterSettings } from "../../model/settings.ts";
import { isInSync, isQuorumRace, isSyncActive } from "../lead/candidates.ts";

/** One thing that stands in the way. */
export type FencingObstacle =
  | {
    readonly code:
      | "off"
      | "paused"
      | "standby_cluster"
      | "no_configuration"
      | StoreObstacle
      | "no_leader"
      | "no_fencing_command"
      /** Only a member that would fence knows that of itself. */
      | "leader_unheard"
      | "no_fencer_may_lead";
  }
  /** It is of another program or version, or does not know that takeover is on. */
  | {
    readonly code: "leader_cannot_object";
    readonly member: MemberName;
    /** As in its member key; null: it has none. */
    readonly version: string | null;
  };

/** What it depends on. */
export interface FencingCircumstances {
  readonly settings: ClusterSettings;
  readonly view: ClusterView;
  readonly storeObstacle: StoreObstacle | null;
}

/** Everything that stands in the way; empty: a member would have the host fenced. */
export function fencingObstaclesOf(
  { settings, view, storeObstacle }: FencingCircumstances,
): readonly FencingObstacle[] {
  if (settings.takeover === null) return [{ code: "off" }];
  const found: FencingObstacle[] = [];
  if (settings.isStandbyCluster) found.push({ code: "standby_cluster" });
  if (settings.isPaused) found.push({ code: "paused" });
  if (view.config === null) found.push({ code: "no_configuration" });
  if (storeObstacle !== null) found.push({ code: storeObstacle });
  const { leader } = view;
  if (leader === null) return [...found, { code: "no_leader" }];
  const holder = view.members.find(({ name }) => name === leader.name);
  if (holder?.fencing == null) {
    const version = holder?.version ?? null;
    const { name: member } = leader;
    found.push({ code: "leader_cannot_object", member, version });
  }
  const ready = view.members.filter(({ name, fencing }) =>
    name !== leader.name && fencing === "ready"
  );
  if (ready.length === 0) return [...found, { code: "no_fencing_command" }];
  return fencersOf(settings, view).length === 0
    ? [...found, { code: "no_fencer_may_lead" }]
    : found;
}

/** Members that have a program for it, and that today's race would let lead. */
export function fencersOf(
  settings: ClusterSettings,
  view: ClusterView,
): readonly MemberName[] {
  return view.members.filter(({ name, fencing, tags }) =>
    name !== view.leader?.name && fencing === "ready" && !tags.isNofailover &&
    mayLeadBySync(settings, view, name)
  ).map(({ name }) => name);
}

/** In synchronous mode only members that surely have every commit, or voters, may lead. */
export function mayLeadBySync(
  settings: ClusterSettings,
  view: ClusterView,
  name: MemberName,
): boolean {
  return !isSyncActive(settings, view) || isQuorumRace({ settings }, view) ||
    isInSync(view, name);
}
