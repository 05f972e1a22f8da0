/**
 * BOOTSTRAP: no leader, and a data directory or an `initialize` key that is not
 * there yet. Rows come before those of the race.
 */
import { type ClusterView, memberOf } from "../model/cluster_view.ts";
import type { Decision } from "../model/decision.ts";
import { REMOTE } from "../model/standby_cluster.ts";
import { leadOf, type Observation } from "../model/observation.ts";
import {
  clone,
  localSystemId,
  pauseAfterFailure,
  primaryOf,
  replicaOf,
  startTask,
  viewOf,
  wait,
} from "./parts.ts";
import { refuseCopy } from "./operator.ts";
import type { Rule } from "./rule.ts";

/** Before all others. */
export const REFUSE_COPY: Rule = {
  id: "R105",
  why: "Without a leader there is nobody to copy anew from.",
  decides: ["refuse_request no_leader"],
  match: (o) => refuseCopy(o, "no_leader"),
};

/** For a data directory that is empty or cannot be used. */
export const FILL: readonly Rule[] = [
  {
    id: "R110",
    why:
      "A data directory that surely is what a failed clone or initdb left is thrown away, but not what a failed rewind left: nobody leads who could be copied.",
    decides: ["remove_data half_made_clone", "wait back_off"],
    match: removeHalfMade,
  },
  {
    id: "R120",
    why:
      "A data directory that cannot be read, that holds something else, or that may be a restored one beside an old marker, is left alone.",
    decides: ["wait system_id_invalid", "wait data_directory_unusable"],
    match: leaveUnusable,
  },
  {
    id: "R130",
    why:
      "The winner of the initialize race creates the first data directory; in a standby cluster it copies the remote.",
    decides: [
      "bootstrap no_cluster_yet",
      "clone no_cluster_yet",
      "wait back_off",
    ],
    match: (o) =>
      o.postgres.kind !== "empty" || !o.memory.isBootstrapOwner
        ? null
        : o.settings.isStandbyCluster
        ? clone(o, REMOTE, "no_cluster_yet")
        : startTask({ kind: "bootstrap" }, "no_cluster_yet"),
  },
  {
    id: "R140",
    why:
      "The first member with an empty directory and a bootstrap section may try, but not one that saw a leader: its store was wiped.",
    decides: ["race_initialize no_cluster_yet"],
    match: (o) =>
      o.postgres.kind === "empty" &&
        viewOf(o).initialize.kind === "absent" && o.canBootstrap &&
        o.memory.knownPeers === null &&
        !o.tags.isNofailover && !o.settings.isPaused
        ? { kind: "race_initialize", reason: "no_cluster_yet" }
        : null,
  },
  {
    id: "R145",
    why:
      "A clone method that needs no leader restores the first replica of a scope without one.",
    decides: ["clone data_directory_empty", "wait back_off"],
    match: cloneWithoutLeader,
  },
  {
    id: "R150",
    why: "An empty directory waits for a leader to clone from.",
    decides: [
      "wait bootstrap_elsewhere",
      "wait bootstrap_not_allowed",
      "wait leader_not_bootstrapped",
    ],
    match: (o) => o.postgres.kind === "empty" ? waitForLeader(o) : null,
  },
];

/** For a running replica. */
export const STRANGER: Rule = {
  id: "R160",
  why:
    "A replica whose scope was never initialized belongs elsewhere: leave it running and end.",
  decides: ["exit replica_without_cluster"],
  match: (o) =>
    replicaOf(o) !== null && viewOf(o).initialize.kind === "absent" &&
      o.memory.role === "uninitialized" && !o.settings.isPaused
      ? {
        kind: "exit",
        reason: "replica_without_cluster",
        isPostgresLeft: true,
        facts: {},
      }
      : null,
};

/** For a primary, running or stopped. */
export const LINEAGE: Rule = {
  id: "R170",
  why:
    "A member that brings a data directory publishes its lineage when none is known.",
  decides: ["write_initialize initialize_invalid"],
  match: publishSystemId,
};

/** Publishes the scope's lineage; whoever was quicker wins a key that is not there. */
export function writeInitialize(
  { initialize }: ClusterView,
  systemId: string,
): Decision {
  const expected = initialize.kind === "absent" ? "absent" : "any";
  const reason = "initialize_invalid";
  return { kind: "write_initialize", reason, systemId, expected };
}

/**
 * Throws away what a failed clone, initdb or rewind left; shared with the
 * follower section. What pg_rewind left goes only where a copy can be had.
 */
export function removeHalfMade(o: Observation): Decision | null {
  if (o.postgres.kind !== "unusable" || o.settings.isPaused) return null;
  const { problem } = o.postgres;
  const isWorthless = problem === "half_made" ||
    (problem === "half_rewound" && canBeCopied(o));
  if (!isWorthless) return null;
  return pauseAfterFailure(o, "remove_data") ??
    startTask(
      { kind: "remove_data", why: "half_made_clone" },
      "half_made_clone",
      { detail: o.postgres.detail },
    );
}

function canBeCopied(o: Observation): boolean {
  const view = viewOf(o);
  return view.leader !== null && leadOf(o) === "other" &&
    memberOf(view, view.leader.name)?.state === "running";
}

/** Moves what may be somebody's out of the way, where a copy can take its place. */
export function setAsideDoubtful(o: Observation): Decision | null {
  const isMoved = o.postgres.kind === "unusable" &&
    o.postgres.problem === "doubtful" && canBeCopied(o) &&
    !o.settings.isPaused && o.request?.kind !== "reinitialize";
  if (!isMoved) return null;
  return pauseAfterFailure(o, "set_aside") ??
    startTask(
      { kind: "set_aside", why: "doubtful_marker" },
      "doubtful_marker",
      { detail: o.postgres.detail },
    );
}

/** Leaves alone what nobody can be sure of; shared with the follower section. */
export function leaveUnusable(o: Observation): Decision | null {
  if (o.postgres.kind !== "unusable") return null;
  const { problem, detail } = o.postgres;
  return problem === "invalid_system_id"
    ? wait("system_id_invalid", { detail })
    : wait("data_directory_unusable", { problem, detail });
}

/** While somebody bootstraps there will be a leader to clone from. */
function cloneWithoutLeader(o: Observation): Decision | null {
  const isAllowed = o.postgres.kind === "empty" && !o.settings.isPaused &&
    o.settings.hasLeaderlessClone &&
    viewOf(o).initialize.kind !== "bootstrapping";
  if (!isAllowed) return null;
  return clone(o, null, "data_directory_empty");
}

function waitForLeader(o: Observation): Decision {
  switch (viewOf(o).initialize.kind) {
    case "bootstrapping":
      return wait("bootstrap_elsewhere");
    case "absent":
      return wait("bootstrap_not_allowed", {
        canBootstrap: o.canBootstrap,
        isNofailover: o.tags.isNofailover,
        ledBefore: o.memory.knownPeers?.leader ?? null,
      });
    case "initialized":
    case "invalid":
      return wait("leader_not_bootstrapped");
  }
}

function publishSystemId(o: Observation): Decision | null {
  const kind = viewOf(o).initialize.kind;
  if (kind === "initialized" || o.settings.isPaused) return null;
  const isOurs = o.memory.isBootstrapOwner || kind !== "bootstrapping" ||
    o.memory.role === "uninitialized";
  const systemId = localSystemId(o);
  const isLineage = primaryOf(o) !== null || o.postgres.kind === "stopped";
  return isOurs && systemId !== null && isLineage
    ? writeInitialize(viewOf(o), systemId)
    : null;
}
