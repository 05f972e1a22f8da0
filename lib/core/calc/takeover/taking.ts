/**
 * Whether this member takes the key over now: enough have pledged, it is among
 * the highest and may lead, and a leader that lives had its time to object.
 */
import { after, type Moment, remainingMs } from "../../base/units.ts";
import { clusterTimeline, type ClusterView } from "../../model/cluster_view.ts";
import type { WaitReason } from "../../model/decision.ts";
import type { MemberName } from "../../model/member.ts";
import type { Observation } from "../../model/observation.ts";
import type { TakeoverMemory } from "../../model/pledge_view.ts";
import type { Take } from "../../model/takeover_decision.ts";
import { isLeftOutByFailsafe } from "../lead/candidates.ts";
import { takersOf } from "./choose_taker.ts";
import { countPledges } from "./count_pledges.ts";
import { takeOf } from "./take.ts";

/** Of several with the same position each gives the one before it that much. */
const RANK_MS = 300;

/** What becomes of a member whose pledge stands. */
export type Taking =
  | { readonly kind: "take"; readonly take: Take }
  | {
    readonly kind: "wait";
    readonly reason: WaitReason;
    /** Null: until something comes. */
    readonly againInMs: number | null;
  };

/** Asked while the own pledge stands. */
export function takingOf(o: Observation, view: ClusterView): Taking {
  const take = takeOf(view, o.self);
  if (take === null) return waiting("pledge_stands", null);
  const bar = barOf(o, view);
  if (bar !== null) return waiting(bar, null);
  const dueAt = takeDueAt(o, view, take);
  const leftMs = dueAt === null ? null : remainingMs(dueAt, o.now);
  return leftMs === null || leftMs > 0
    ? waiting("veto_awaited", leftMs)
    : { kind: "take", take };
}

/** Why this member may not lead, whatever proves that the leader is gone; null: it may. */
export function barOf(o: Observation, view: ClusterView): WaitReason | null {
  const { postgres, memory, settings } = o;
  if (postgres.kind !== "running" || postgres.role !== "replica") {
    return "position_unknown";
  }
  if (o.tags.isNofailover) return "nofailover";
  if (memory.hasWatchdogFailed) return "watchdog_failed";
  const failedAt = memory.prePromoteFailedAt;
  if (failedAt !== null && o.now - failedAt < settings.ttlMs) {
    return "pre_promote_failed";
  }
  if (isLeftOutByFailsafe(o, view, o.self)) return "not_in_failsafe_map";
  const isOld = settings.isTimelineChecked &&
    postgres.timeline < clusterTimeline(view);
  return isOld ? "timeline_behind" : null;
}

/** Null: the entries were not seen before this look, or takeover is off. */
function takeDueAt(
  { settings, memory, self }: Observation,
  view: ClusterView,
  take: Take,
): Moment | null {
  const count = countPledges(view);
  const completeAt = completedAt(memory.takeover, take, count?.needed ?? 0);
  if (settings.takeover === null || count === null || completeAt === null) {
    return null;
  }
  const rank = ranked(view, takersOf(count)).indexOf(self);
  return after(completeAt, settings.takeover.vetoTimeMs + rank * RANK_MS);
}

/** When the last of the entries that are needed was seen first. */
function completedAt(
  { term, seen }: TakeoverMemory,
  take: Take,
  needed: number,
): Moment | null {
  if (term !== take.term) return null;
  const times = take.pledges.flatMap(({ name, revision }) => {
    const known = seen[name];
    return known?.revision === revision ? [known.at] : [];
  }).sort((a, b) => a - b);
  return times[needed - 1] ?? null;
}

/** By failover_priority, then by name; without those that never lead. */
function ranked(
  { members }: ClusterView,
  names: readonly MemberName[],
): readonly MemberName[] {
  const tags = (name: MemberName) =>
    members.find((member) => member.name === name)?.tags;
  const priority = (name: MemberName) => tags(name)?.failoverPriority ?? 1;
  return names.filter((name) => tags(name)?.isNofailover !== true)
    .toSorted((a, b) => priority(b) - priority(a) || (a < b ? -1 : 1));
}

function waiting(reason: WaitReason, againInMs: number | null): Taking {
  return { kind: "wait", reason, againInMs };
}
