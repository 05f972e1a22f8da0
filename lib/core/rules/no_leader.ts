/**
 * Rows while the leader key is free and this member does not race for it: its
 * instance does not answer, or is a primary already.
 */
import {
  highestKnownTimeline,
  isInSync,
  isSyncActive,
} from "../calc/lead/candidates.ts";
import type { Decision } from "../model/decision.ts";
import type { Observation } from "../model/observation.ts";
import {
  isLeftAlone,
  localSystemId,
  mayBeWritable,
  primaryOf,
  startAsStandby,
  startTask,
  viewOf,
  wait,
  waitShortly,
} from "./parts.ts";
import type { Rule } from "./rule.ts";
import { acquire } from "./race_parts.ts";
import { RESTORE_FIRST } from "./restore.ts";
import { remoteOf } from "./standby_cluster.ts";

/** How long a member that gave the lease away waits for its successor before it starts again. */
const SUCCESSOR_PATIENCE_MS = 10_000;

/** For whoever lost a bid in this cycle. */
export const OUTBID: Rule = {
  id: "R210",
  why: "A lost bid means that somebody else leads in a moment.",
  decides: ["wait bid_lost"],
  match: (o) => o.lease.kind === "outbid" ? waitShortly("bid_lost") : null,
};

/** For whoever gave the key away in this cycle. */
export const RELEASED: Rule = {
  id: "R215",
  why:
    "Who gave the key away in this cycle leaves it to others; a primary that did stops.",
  decides: ["demote lease_released", "wait lease_released"],
  match: (o) =>
    o.lease.kind !== "released"
      ? null
      : primaryOf(o) !== null && !o.settings.isPaused
      ? startTask(
        { kind: "demote", how: "immediate_nolock", deadline: null },
        "lease_released",
      )
      : waitShortly("lease_released"),
};

/** For an instance that does not answer, after those that fill an empty directory. */
export const NOT_RUNNING: readonly Rule[] = [
  {
    id: "R220",
    why: "In pause a stopped instance stays down.",
    decides: ["wait not_running_in_pause"],
    match: (o) =>
      o.postgres.kind === "stopped" && isLeftAlone(o)
        ? wait("not_running_in_pause")
        : null,
  },
  {
    id: "R225",
    why:
      "An instance that starts or hangs as primary without the lease is stopped before it can be written to.",
    decides: ["demote lease_lost"],
    match: (o) =>
      o.postgres.kind !== "running" && mayBeWritable(o) && !o.settings.isPaused
        ? startTask(
          { kind: "demote", how: "immediate_nolock", deadline: null },
          "lease_lost",
        )
        : null,
  },
  {
    id: "R230",
    why: "A starting instance takes part once it answers.",
    decides: ["wait starting_up"],
    match: (o) =>
      o.postgres.kind === "starting" ? waitShortly("starting_up") : null,
  },
  {
    id: "R240",
    why: "An instance that does not answer cannot lead.",
    decides: ["wait unresponsive"],
    match: (o) =>
      o.postgres.kind === "unresponsive"
        ? waitShortly("unresponsive", { detail: o.postgres.detail })
        : null,
  },
  {
    id: "R250",
    why:
      "After giving the lease away, the instance stays down until the successor is known.",
    decides: ["wait new_leader_expected"],
    match: (o) =>
      o.postgres.kind === "stopped" && wasJustDemoted(o)
        ? waitShortly("new_leader_expected")
        : null,
  },
  RESTORE_FIRST,
  {
    id: "R260",
    why: "A stopped instance starts in recovery, so that it can take part.",
    decides: ["start instance_down", "wait back_off"],
    match: (o) =>
      o.postgres.kind === "stopped"
        ? startAsStandby(o, remoteOf(o), "instance_down")
        : null,
  },
];

/** For a running primary. */
export const OLD_PRIMARY: readonly Rule[] = [
  {
    id: "R205",
    why: "A primary that could not get the key stops: somebody else leads.",
    decides: ["demote lease_lost"],
    match: (o) =>
      o.lease.kind === "outbid" && primaryOf(o) !== null && !o.settings.isPaused
        ? startTask(
          { kind: "demote", how: "immediate_nolock", deadline: null },
          "lease_lost",
        )
        : null,
  },
  OUTBID,
  RELEASED,
  {
    id: "R270",
    why:
      "A primary on an old timeline, or that commits no longer waited for, must not come back as leader.",
    decides: ["demote not_healthiest"],
    match: demoteOldPrimary,
  },
  {
    id: "R275",
    why:
      "In pause such a primary is left alone, but does not take the key from the newer timeline.",
    decides: ["wait timeline_behind"],
    match: leaveOldPrimary,
  },
  {
    id: "R280",
    why: "A running primary of this lineage takes the free key without asking.",
    decides: ["acquire_lease already_primary", "wait system_id_invalid"],
    match: (o) =>
      primaryOf(o) === null
        ? null
        : isOwnLineage(o)
        ? acquire(o, "already_primary")
        : wait("system_id_invalid"),
  },
];

function wasJustDemoted(o: Observation): boolean {
  const { demotedAt } = o.memory;
  return demotedAt !== null && o.now - demotedAt < SUCCESSOR_PATIENCE_MS;
}

function isOwnLineage(o: Observation): boolean {
  const { initialize } = viewOf(o);
  return initialize.kind !== "initialized" ||
    initialize.systemId === localSystemId(o);
}

function demoteOldPrimary(o: Observation): Decision | null {
  const primary = primaryOf(o);
  if (primary === null || o.settings.isPaused) return null;
  const view = viewOf(o);
  const known = highestKnownTimeline(o.memory, view);
  const isBehind = primary.timeline < known;
  const isUnsynced = isSyncActive(o.settings, view) && !isInSync(view, o.self);
  if (!isBehind && !isUnsynced) return null;
  return startTask(
    { kind: "demote", how: "immediate_nolock", deadline: null },
    "not_healthiest",
    { timeline: primary.timeline, knownTimeline: known, isInSync: !isUnsynced },
  );
}

function leaveOldPrimary(o: Observation): Decision | null {
  const primary = primaryOf(o);
  const known = highestKnownTimeline(o.memory, viewOf(o));
  return primary !== null && o.settings.isPaused && primary.timeline < known
    ? wait("timeline_behind", {
      timeline: primary.timeline,
      clusterTimeline: known,
    })
    : null;
}
