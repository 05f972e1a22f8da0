/**
 * Whether the local WAL left the line of history that the leader is on.
 */
import {
  switchpointOf,
  type TimelineSwitch,
} from "../../base/timeline_history.ts";
import type { Facts } from "../../model/decision.ts";
import type { LocalEnd, UpstreamView } from "../../model/peer_view.ts";

/** The answer, with the numbers compared. */
export interface DivergenceVerdict {
  /** twin: on a timeline of the same number that is not the leader's, which pg_rewind cannot see. */
  readonly kind: "same_line" | "diverged" | "twin" | "unknown";
  readonly facts: Facts;
}

/**
 * Compares the end of the local WAL with the leader's history.
 *
 * A crashed primary's end is only a lower bound, so on an older timeline than
 * the leader's it counts as diverged: pg_rewind itself finds out that nothing
 * needs to be done.
 *
 * @param asked "any": a standby may be asked too, as in a standby cluster.
 *
 * Source: docs/contract/ha.md 16.2.
 */
export function judgeDivergence(
  upstream: Extract<UpstreamView, { kind: "answered" }>,
  asked: "primary" | "any" = "primary",
): DivergenceVerdict {
  const local = upstream.localEnd;
  const isUnfit = upstream.isInRecovery && asked === "primary";
  if (local === null || isUnfit) {
    return { kind: "unknown", facts: {} };
  }
  const facts: Facts = {
    localTimeline: local.timeline,
    localEndLsn: local.endLsn,
    leaderTimeline: upstream.timeline,
  };
  if (local.timeline > upstream.timeline) return { kind: "diverged", facts };
  if (local.timeline === upstream.timeline) return judgeTwin(upstream, local);
  const switchpoint = switchpointOf(upstream.history, local.timeline);
  if (switchpoint === null) return { kind: "diverged", facts };
  const isPast = isPastSwitchpoint(local, switchpoint);
  return {
    kind: isPast ? "diverged" : "same_line",
    facts: { ...facts, switchpoint },
  };
}

/**
 * Equal numbers prove nothing by themselves: a member that never heard of the
 * last promotion gives the next timeline the same number. Then PostgreSQL would
 * stream one over the other, and pg_rewind would find nothing to do.
 *
 * Two timelines differ if their histories do, if one ends past the other's end,
 * or if both were written by a primary. Of a former primary that was shut down
 * in order before anybody had its WAL this cannot be told.
 */
function judgeTwin(
  upstream: Extract<UpstreamView, { kind: "answered" }>,
  local: LocalEnd,
): DivergenceVerdict {
  const { timeline, endLsn } = local;
  const shared: Facts = { timeline, localEndLsn: endLsn };
  const [own, other] = [
    lastSwitch(local.history),
    lastSwitch(upstream.history),
  ];
  if (own !== null && other !== null && own !== other) {
    const facts = { ...shared, localForkLsn: own, leaderForkLsn: other };
    return { kind: "twin", facts };
  }
  if (upstream.isInRecovery) return { kind: "same_line", facts: shared };
  const isAhead = upstream.endLsn !== null && endLsn > upstream.endLsn;
  const isTwin = isAhead || local.kind === "primary_crash";
  const facts = { ...shared, leaderEndLsn: upstream.endLsn };
  return { kind: isTwin ? "twin" : "same_line", facts };
}

function lastSwitch(history: readonly TimelineSwitch[] | null): bigint | null {
  return history?.at(-1)?.switchpoint ?? null;
}

function isPastSwitchpoint(local: LocalEnd, switchpoint: bigint): boolean {
  switch (local.kind) {
    case "replica":
    case "backup":
      return local.endLsn > switchpoint;
    case "primary_shutdown":
      // The shutdown checkpoint record must be the very last record that the
      // new primary has of this timeline.
      return local.endLsn !== switchpoint;
    case "primary_crash":
      return true;
  }
}
