/**
 * Whether the local WAL left the line of history that the leader is on.
 */
import { switchpointOf } from "../base/timeline_history.ts";
import type { Facts } from "../model/decision.ts";
import type { LocalEnd, UpstreamView } from "../model/peer_view.ts";

/** The answer, with the numbers compared. */
export interface DivergenceVerdict {
  readonly kind: "same_line" | "diverged" | "unknown";
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
 * Source: spec/ha.md 16.2.
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
  if (local.timeline === upstream.timeline) {
    return { kind: "same_line", facts };
  }
  const switchpoint = switchpointOf(upstream.history, local.timeline);
  if (switchpoint === null) return { kind: "diverged", facts };
  const isPast = isPastSwitchpoint(local, switchpoint);
  return {
    kind: isPast ? "diverged" : "same_line",
    facts: { ...facts, switchpoint },
  };
}

function isPastSwitchpoint(local: LocalEnd, switchpoint: bigint): boolean {
  switch (local.kind) {
    case "replica":
      return local.endLsn > switchpoint;
    case "primary_shutdown":
      // The shutdown checkpoint record must be the very last record that the
      // new primary has of this timeline.
      return local.endLsn !== switchpoint;
    case "primary_crash":
      return true;
  }
}
