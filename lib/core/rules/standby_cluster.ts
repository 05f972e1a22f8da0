/**
 * STANDBY_CLUSTER: the holder of the key is no primary but follows the instance
 * of another scope, and everybody else follows it. Rows of the leader's section.
 *
 * Source: docs/contract/ha.md 14.
 */
import { judgeDivergence } from "../calc/lead/divergence.ts";
import { deleteSync } from "../calc/sync/sync_writes.ts";
import type { Decision } from "../model/decision.ts";
import type { MemberName } from "../model/member.ts";
import type { Observation } from "../model/observation.ts";
import { REMOTE } from "../model/standby_cluster.ts";
import {
  pauseAfterFailure,
  primaryOf,
  replicaOf,
  rewind,
  startTask,
  viewOf,
  wait,
  waitShortly,
} from "./parts.ts";
import {
  RESTART_ON_SCHEDULE,
  restartBlockedReplay,
  restartOnSchedule,
} from "./operator.ts";
import type { Rule } from "./rule.ts";
import { isStandbyOutdated } from "./upstream.ts";

/** How long a leader rests whose stream from the remote is not there yet. */
const LOOK_AGAIN_MS = 1_000;

/** For a leader that is down, or is not trusted. */
export const REMOTE_LINE: Rule = {
  id: "R455",
  why:
    "In a standby cluster the leader's WAL must be on the remote's line of history.",
  decides: [
    "trust_timeline not_diverged",
    "ask_upstream divergence_suspected",
    "rewind diverged",
    "wait twin_timeline",
    "wait diverged_no_repair",
    "wait back_off",
  ],
  match: checkRemote,
};

/** The section was added to a running cluster. */
export const DEMOTE_CLUSTER: Rule = {
  id: "R483",
  why:
    "A primary of what is a standby cluster now stops in order and keeps the key.",
  decides: ["demote standby_cluster_begins"],
  match: (o) =>
    primaryOf(o) !== null && o.settings.isStandbyCluster &&
      !o.settings.isPaused
      ? startTask(
        { kind: "demote", how: "cluster", deadline: null },
        "standby_cluster_begins",
      )
      : null,
};

/** For a leader of either kind. */
export const LEADER_RESTART: Rule = {
  id: "R585",
  why: "A scheduled restart happens at its time, once, if it still fits.",
  decides: RESTART_ON_SCHEDULE,
  match: restartOnSchedule,
};

/** Left from the time when the scope had a primary. */
const STANDBY_SYNC_KEY: Rule = {
  id: "R583",
  why:
    "A standby cluster has no synchronous replicas: an old sync key would only bar a later promotion.",
  decides: ["delete_sync synchronous_disabled"],
  match: (o) =>
    o.settings.isStandbyCluster && replicaOf(o) !== null &&
      viewOf(o).sync.leader !== null
      ? deleteSync(viewOf(o))
      : null,
};

/** The last rows of a standby leader. */
export const STANDBY_LEADING: readonly Rule[] = [
  STANDBY_SYNC_KEY,
  LEADER_RESTART,
  {
    id: "R586",
    why:
      "A standby leader streams from the remote, with everything that this takes.",
    decides: [
      "follow remote_changed",
      "follow standby_settings_changed",
      "wait back_off",
    ],
    match: followRemote,
  },
  {
    id: "R587",
    why:
      "A standby whose replay waits for larger settings that are configured already restarts.",
    decides: ["restart replay_blocked"],
    match: (o) => o.settings.isStandbyCluster ? restartBlockedReplay(o) : null,
  },
  {
    id: "R588",
    why: "All is well: this member leads the standby cluster.",
    decides: ["wait leading_standby"],
    match: (o) => {
      const replica = replicaOf(o);
      if (replica === null || !o.settings.isStandbyCluster) return null;
      const isSettled = replica.isStreaming || wantedAddress(o) === null;
      return isSettled
        ? wait("leading_standby")
        : waitShortly("leading_standby", {}, LOOK_AGAIN_MS);
    },
  },
];

/** What a leader, or a member without one, follows in a standby cluster; null: this is none, or there is only an archive. */
export function remoteOf(o: Observation): MemberName | null {
  return wantedAddress(o) === null ? null : REMOTE;
}

function wantedAddress(
  o: Observation,
): { readonly host: string; readonly port: number } | null {
  const { standbyCluster } = o.settings;
  if (standbyCluster === null || standbyCluster.host === null) return null;
  // Of a list an instance says the first.
  const [host = ""] = standbyCluster.host.split(",");
  return { host, port: standbyCluster.port };
}

function isOnRemote(o: Observation): boolean {
  const upstream = replicaOf(o)?.upstream ?? null;
  const wanted = wantedAddress(o);
  if (upstream === null || wanted === null) return upstream === wanted;
  return upstream.host === wanted.host && upstream.port === wanted.port;
}

function followRemote(o: Observation): Decision | null {
  const isStandby = replicaOf(o) !== null && o.settings.isStandbyCluster;
  if (!isStandby) return null;
  const isThere = isOnRemote(o);
  if (isThere && !isStandbyOutdated(o)) return null;
  return pauseAfterFailure(o, "follow") ?? startTask(
    { kind: "follow", upstream: remoteOf(o) },
    isThere ? "standby_settings_changed" : "remote_changed",
  );
}

/**
 * Compares the WAL of a leader that is down, or not trusted, with the remote's
 * history. A remote that does not answer keeps nobody from going on.
 */
function checkRemote(o: Observation): Decision | null {
  const replica = replicaOf(o);
  const isAsked = o.settings.isStandbyCluster &&
    o.memory.divergence === "suspected" &&
    (replica !== null || o.postgres.kind === "stopped");
  if (!isAsked || remoteOf(o) === null) return null;
  if (replica !== null && replica.isStreaming && isOnRemote(o)) {
    return { kind: "trust_timeline", reason: "not_diverged" };
  }
  if (o.upstream.kind === "not_asked") {
    return {
      kind: "ask_upstream",
      reason: "divergence_suspected",
      source: REMOTE,
    };
  }
  if (o.upstream.kind === "silent") return null;
  const verdict = judgeDivergence(o.upstream, "any");
  switch (verdict.kind) {
    case "same_line":
      return { kind: "trust_timeline", reason: "not_diverged" };
    case "unknown":
      return null;
    case "twin":
      return waitShortly("twin_timeline", verdict.facts, o.settings.loopWaitMs);
    case "diverged":
      return o.settings.isRewindAllowed
        ? rewind(o, REMOTE, verdict.facts)
        : waitShortly(
          "diverged_no_repair",
          verdict.facts,
          o.settings.loopWaitMs,
        );
  }
}
