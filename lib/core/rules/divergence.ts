/**
 * Rows of the follower's section about WAL that may have left the leader's line
 * of history: when it is trusted, when it is asked for, and what repairs it.
 *
 * Source: docs/contract/ha.md 16.
 */
import { judgeDivergence } from "../calc/lead/divergence.ts";
import type { Decision } from "../model/decision.ts";
import type { Member } from "../model/member.ts";
import type { Observation } from "../model/observation.ts";
import {
  mayReplaceDiverged,
  pauseAfterFailure,
  replicaOf,
  rewind,
  startTask,
  waitShortly,
} from "./parts.ts";
import { remoteOf } from "./standby_cluster.ts";
import { isOnUpstream, leaderMember } from "./upstream.ts";

/** Streaming on the leader's timeline, from the right place. */
export function trustStream(o: Observation): Decision | null {
  const replica = replicaOf(o);
  if (replica === null || o.memory.divergence === "unsuspected") return null;
  const leaderTimeline = leaderMember(o)?.timeline ?? null;
  return replica.isStreaming && replica.timeline === leaderTimeline &&
      isOnUpstream(o)
    ? { kind: "trust_timeline", reason: "not_diverged" }
    : null;
}

/** Compares a suspected end of the local WAL with the leader's history. */
export function checkDivergence(o: Observation): Decision | null {
  if (o.memory.divergence !== "suspected") return repairFailedRewind(o);
  if (o.postgres.kind !== "stopped" && replicaOf(o) === null) return null;
  const leader = leaderMember(o);
  const isReady = leader !== null && leader.connUrl !== null &&
    isLeading(o, leader) && leader.state === "running";
  if (!isReady) {
    return o.postgres.kind === "stopped" || mayBeTwin(o, leader)
      ? waitShortly("leader_not_running", { state: leader?.state ?? null })
      : null;
  }
  if (o.upstream.kind === "not_asked") {
    return {
      kind: "ask_upstream",
      reason: "divergence_suspected",
      source: leader.name,
    };
  }
  if (o.upstream.kind === "silent") {
    return o.postgres.kind === "stopped" || mayBeTwin(o, leader)
      ? waitShortly("upstream_silent", { detail: o.upstream.detail })
      : null;
  }
  const { isStandbyCluster } = o.settings;
  const verdict = judgeDivergence(
    o.upstream,
    isStandbyCluster ? "any" : "primary",
  );
  switch (verdict.kind) {
    case "same_line":
      return { kind: "trust_timeline", reason: "not_diverged" };
    case "unknown":
      return null;
    case "twin":
      return isFreshCopy(o) ? null : replaceTwin(o, verdict.facts);
    case "diverged":
      return repair(o, leader, verdict.facts);
  }
}

/**
 * This replica is on a timeline that the leader had not reached when it was last
 * heard of, so the leader's next one may bear the same number. Streaming first
 * and asking later would write one over the other.
 */
function mayBeTwin(o: Observation, leader: Member | null): boolean {
  const replica = replicaOf(o);
  return replica !== null && !isOnUpstream(o) &&
    replica.timeline > (leader?.timeline ?? 0);
}

/** What a clone method just brought looks like its source, a primary in mid-flight. */
function isFreshCopy(o: Observation): boolean {
  const last = o.memory.lastOutcome;
  return last !== null && last.result === "done" &&
    (last.task.kind === "clone" || last.task.kind === "reinitialize");
}

/** Such data is never started: PostgreSQL would not see that it does not fit. */
function replaceTwin(o: Observation, facts: RepairFacts): Decision {
  return mayReplaceDiverged(o)
    ? startTask(
      { kind: "remove_data", why: "twin_timeline" },
      "twin_timeline",
      facts,
    )
    : waitShortly("twin_timeline", facts, o.settings.loopWaitMs);
}

/** Its member key says that it is what the others should follow. */
function isLeading(o: Observation, leader: Member): boolean {
  return leader.role ===
    (o.settings.isStandbyCluster ? "standby_leader" : "primary");
}

type RepairFacts = ReturnType<typeof judgeDivergence>["facts"];

function repair(
  o: Observation,
  leader: Member,
  facts: RepairFacts,
): Decision | null {
  if (canRewind(o)) {
    if (leader.isCheckpointAfterPromotePending) {
      return waitShortly("leader_checkpoint_pending", { leader: leader.name });
    }
    return rewind(o, remoteOf(o) ?? leader.name, facts);
  }
  if (o.settings.isDataRemovedOnDivergedTimelines) {
    return startTask(
      { kind: "remove_data", why: "diverged_timelines" },
      "diverged",
      facts,
    );
  }
  return o.postgres.kind === "stopped"
    ? null
    : waitShortly("diverged_no_repair", facts, o.settings.loopWaitMs);
}

function repairFailedRewind(o: Observation): Decision | null {
  if (o.memory.divergence !== "rewind_failed") return null;
  if (mayReplaceDiverged(o) && o.postgres.kind !== "empty") {
    return startTask(
      { kind: "remove_data", why: "rewind_failed" },
      "rewind_failed",
      { detail: o.memory.rewindFailure },
    );
  }
  const why = o.memory.rewindFailure.trim();
  const rewind = why === "" ? "see the log of this member" : why;
  if (o.postgres.kind !== "stopped") {
    return waitShortly(
      "rewind_failed_no_repair",
      { rewind },
      o.settings.loopWaitMs,
    );
  }
  // It starts nevertheless; a server that refuses to should not hide why.
  return pauseAfterFailure(o, "start") === null
    ? null
    : waitShortly("rewind_failed_no_repair", {
      rewind,
      start: o.memory.lastOutcome?.detail ?? "",
    });
}

function canRewind(o: Observation): boolean {
  if (!o.settings.isRewindAllowed) return false;
  if (o.postgres.kind !== "stopped") return true;
  const { control } = o.postgres;
  return control.hasChecksums || control.hasWalLogHints;
}
