/**
 * Rows of a leader whose instance does not answer: it is empty, stopped, starting
 * or hangs. Bring it up again under the lease, or let somebody else lead.
 */
import {
  readySuccessors,
  refusals,
  successors,
} from "../calc/lead/successors.ts";
import type { Decision } from "../model/decision.ts";
import type { Observation } from "../model/observation.ts";
import {
  answersOf,
  askPeers,
  pauseAfterFailure,
  release,
  startAsStandby,
  startDelay,
  startingMs,
  startTask,
  viewOf,
  waitShortly,
} from "./parts.ts";
import type { Rule } from "./rule.ts";
import { REMOTE_LINE, remoteOf } from "./standby_cluster.ts";

/** The rows, after those that keep the lease. */
export const DOWN: readonly Rule[] = [
  {
    id: "R420",
    why: "A leader without usable data gives the key away.",
    decides: [
      "release_lease data_directory_empty",
      "release_lease data_directory_unusable",
    ],
    match: (o) =>
      o.postgres.kind === "empty"
        ? release("data_directory_empty")
        : o.postgres.kind === "unusable"
        ? release("data_directory_unusable")
        : null,
  },
  {
    id: "R425",
    why: "In pause a leader whose instance is down gives the key away.",
    decides: ["release_lease not_running_in_pause"],
    match: (o) =>
      o.settings.isPaused && o.postgres.kind === "stopped"
        ? release("not_running_in_pause")
        : null,
  },
  {
    id: "R430",
    why: "A leader that could not start its instance gives the key away.",
    decides: ["release_lease start_failed"],
    match: (o) =>
      o.postgres.kind === "stopped" && o.memory.isRecovering
        ? giveUpStart(o)
        : null,
  },
  {
    id: "R440",
    why:
      "With primary_start_timeout 0 a crash is answered by a failover, if somebody can take over.",
    decides: ["ask_peers crash_failover", "demote crash_failover"],
    match: failOverAfterCrash,
  },
  {
    id: "R450",
    why:
      "A primary that stopped or crashed under its lease is started again as primary, on its timeline.",
    decides: ["start crashed_primary", "wait back_off"],
    match: (o) =>
      o.postgres.kind === "stopped" && !o.postgres.isStandby &&
        !o.settings.isStandbyCluster
        ? pauseAfterFailure(o, "start") ?? startTask(
          {
            kind: "start",
            as: "primary",
            upstream: null,
            timeoutMs: o.settings.primaryStartTimeoutMs,
          },
          "crashed_primary",
          { controlState: o.postgres.control.state },
        )
        : null,
  },
  REMOTE_LINE,
  {
    id: "R460",
    why:
      "A stopped replica that holds the key starts read-only first; it is promoted once it answers.",
    decides: ["start leader_starts_read_only", "wait back_off"],
    match: (o) =>
      o.postgres.kind === "stopped"
        ? startAsStandby(o, remoteOf(o), "leader_starts_read_only")
        : null,
  },
  {
    id: "R470",
    why:
      "A start that hangs or takes longer than primary_start_timeout is given up when somebody can take over.",
    decides: [
      "ask_peers start_timed_out",
      "demote start_timed_out",
      "wait starting_up",
      "wait unresponsive",
      "wait start_timed_out_no_candidate",
    ],
    match: giveUpSlowStart,
  },
  {
    id: "R480",
    why: "An instance that does not answer is watched; the lease is kept.",
    decides: ["wait unresponsive"],
    match: (o) =>
      o.postgres.kind === "unresponsive"
        ? waitShortly("unresponsive", { detail: o.postgres.detail })
        : null,
  },
];

/** A leader that did not come up is none any more, and says so. */
function giveUpStart(o: Observation): Decision {
  const { role } = o.memory;
  const hasLed = role === "primary" || role === "standby_leader";
  return {
    kind: "release_lease",
    reason: "start_failed",
    newRole: hasLed ? "demoted" : null,
  };
}

function failOverAfterCrash(o: Observation): Decision | null {
  if (o.postgres.kind !== "stopped" || o.postgres.isStandby) return null;
  if (o.settings.primaryStartTimeoutMs > 0) return null;
  return demoteIfPossible(o, "crash_failover");
}

function giveUpSlowStart(o: Observation): Decision | null {
  const passedMs = startingMs(o);
  if (passedMs === null) return null;
  const timeoutMs = o.memory.startTimeoutMs ?? o.settings.primaryStartTimeoutMs;
  const delay = startDelay(o, { passedMs, timeoutMs });
  if (passedMs <= timeoutMs || o.settings.isPaused) {
    return waitShortly(delay.reason, delay.facts);
  }
  return demoteIfPossible(o, "start_timed_out") ??
    waitShortly("start_timed_out_no_candidate", {
      ...delay.facts,
      ...refusals(o, viewOf(o), {
        answers: answersOf(o),
        limits: { requiredLsn: null, leaderLsn: viewOf(o).status.leaderLsn },
      }),
    });
}

/** Ask the peers, then stop at once if one of them can lead; null if none can. */
function demoteIfPossible(
  o: Observation,
  reason: "crash_failover" | "start_timed_out",
): Decision | null {
  const view = viewOf(o);
  const question = askPeers(o, successors(o, view), reason);
  if (question !== null) return question;
  const ready = readySuccessors(o, view, {
    answers: answersOf(o),
    limits: { requiredLsn: null, leaderLsn: view.status.leaderLsn },
  });
  return ready.length === 0 ? null : startTask(
    { kind: "demote", how: "immediate", deadline: null },
    reason,
    { ready: ready.join(",") },
  );
}
