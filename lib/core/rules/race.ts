/**
 * RACE: the leader key is free. Who bids for it, who waits for somebody better,
 * who steps back.
 */
import {
  compareInRace,
  highestKnownTimeline,
  isForcedCandidate,
  isInSync,
  isLeftOutByFailsafe,
  isQuorumRace,
  isSyncActive,
  racePeers,
} from "../calc/lead/candidates.ts";
import { readySuccessors } from "../calc/lead/successors.ts";
import { consentLeftMs, failsafeWitnesses } from "../calc/lead/failsafe.ts";
import type { Lsn } from "../base/units.ts";
import { type FailoverRequest, vacancyOf } from "../model/cluster_view.ts";
import type { AcquireReason, Decision } from "../model/decision.ts";
import type { Observation } from "../model/observation.ts";
import { ownPosition } from "../model/postgres_view.ts";
import {
  answersOf,
  askPeers,
  isLeftAlone,
  isPromotionBarred,
  localSystemId,
  mayBeWritable,
  primaryOf,
  replicaOf,
  startAsStandby,
  startTask,
  viewOf,
  wait,
  waitShortly,
} from "./parts.ts";
import type { Rule } from "./rule.ts";
import { RESTORE_FIRST, RESTORE_RUNS } from "./restore.ts";
import { remoteOf } from "./standby_cluster.ts";

/** A peer race is repeated after that time, in case nobody bid. */
const RACE_AGAIN_MS = 1_000;

/** How long a member that gave the lease away waits for its successor before it starts again. */
const SUCCESSOR_PATIENCE_MS = 10_000;

/** The last rows of the section "no leader". */
export const RACE: readonly Rule[] = [
  {
    id: "R205",
    why: "A primary that could not get the key stops: somebody else leads.",
    match: (o) =>
      o.lease.kind === "outbid" && primaryOf(o) !== null && !o.settings.isPaused
        ? startTask(
          { kind: "demote", how: "immediate_nolock", deadline: null },
          "lease_lost",
        )
        : null,
  },
  {
    id: "R210",
    why: "A lost bid means that somebody else leads in a moment.",
    match: (o) => o.lease.kind === "outbid" ? waitShortly("bid_lost") : null,
  },
  {
    id: "R215",
    why:
      "Who gave the key away in this cycle leaves it to others; a primary that did stops.",
    match: (o) =>
      o.lease.kind !== "released"
        ? null
        : primaryOf(o) !== null && !o.settings.isPaused
        ? startTask(
          { kind: "demote", how: "immediate_nolock", deadline: null },
          "lease_released",
        )
        : waitShortly("lease_released"),
  },
  {
    id: "R220",
    why: "In pause a stopped instance stays down.",
    match: (o) =>
      o.postgres.kind === "stopped" && isLeftAlone(o)
        ? wait("not_running_in_pause")
        : null,
  },
  {
    id: "R225",
    why:
      "An instance that starts or hangs as primary without the lease is stopped before it can be written to.",
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
    match: (o) =>
      o.postgres.kind === "starting" ? waitShortly("starting_up") : null,
  },
  {
    id: "R240",
    why: "An instance that does not answer can not lead.",
    match: (o) =>
      o.postgres.kind === "unresponsive"
        ? waitShortly("unresponsive", { detail: o.postgres.detail })
        : null,
  },
  {
    id: "R250",
    why:
      "After giving the lease away, the instance stays down until the successor is known.",
    match: (o) =>
      o.postgres.kind === "stopped" && wasJustDemoted(o)
        ? waitShortly("new_leader_expected")
        : null,
  },
  RESTORE_FIRST,
  {
    id: "R260",
    why: "A stopped instance starts in recovery, so that it can take part.",
    match: (o) =>
      o.postgres.kind === "stopped"
        ? startAsStandby(o, remoteOf(o), "instance_down")
        : null,
  },
  RESTORE_RUNS,
  {
    id: "R270",
    why:
      "A primary on an old timeline, or that commits no longer waited for, must not come back as leader.",
    match: demoteOldPrimary,
  },
  {
    id: "R275",
    why:
      "In pause such a primary is left alone, but does not take the key from the newer timeline.",
    match: leaveOldPrimary,
  },
  {
    id: "R280",
    why: "A running primary of this lineage takes the free key without asking.",
    match: (o) =>
      primaryOf(o) === null
        ? null
        : isOwnLineage(o)
        ? acquire(o, "already_primary")
        : wait("system_id_invalid"),
  },
  {
    id: "R285",
    why:
      "A member whose pre_promote script failed leaves the key to others for a ttl.",
    match: (o) => isPromotionBarred(o) ? wait("pre_promote_failed") : null,
  },
  {
    id: "R290",
    why:
      "In pause only the named candidate of an unscheduled request may take over.",
    match: (o) => {
      const request = viewOf(o).failover;
      const isWanted = request?.candidate === o.self &&
        request.scheduledAt === null;
      return o.settings.isPaused && !isWanted ? wait("paused") : null;
    },
  },
  {
    id: "R300",
    why: "A member tagged nofailover never leads.",
    match: (o) => o.tags.isNofailover ? wait("nofailover") : null,
  },
  {
    id: "R305",
    why: "A member whose required watchdog can not be used never leads.",
    match: (o) => o.memory.hasWatchdogFailed ? wait("watchdog_failed") : null,
  },
  {
    id: "R307",
    why:
      "In failsafe mode a member that the map does not list never leads: nobody would have asked it.",
    match: (o) =>
      isLeftOutByFailsafe(o, viewOf(o), o.self)
        ? wait("not_in_failsafe_map")
        : null,
  },
  {
    id: "R308",
    why:
      "In failsafe mode a member that just started may have forgotten a consent: for a ttl it leads only if all of the map answer and none is a primary.",
    match: awaitForgottenConsent,
  },
  {
    id: "R310",
    why: "An operator's request decides before positions do.",
    match: obeyRequest,
  },
  {
    id: "R320",
    why:
      "In synchronous mode only members that surely have every commit may lead.",
    match: (o) => {
      const view = viewOf(o);
      const isOut = isSyncActive(o.settings, view) &&
        !isQuorumRace(o, view) && !isInSync(view, o.self);
      return isOut
        ? wait("not_synchronous", {
          syncLeader: view.sync.leader,
          standbys: view.sync.standbys.join(","),
        })
        : null;
    },
  },
  {
    id: "R325",
    why:
      "With primary_race_backoff nobody races while WAL of the old leader still comes in.",
    match: waitForSilence,
  },
  {
    id: "R330",
    why: "Before comparing, the peers' positions must be known.",
    match: askRivals,
  },
  {
    id: "R340",
    why: "The healthiest member bids; the others wait for it.",
    match: (o) => compare(o, []),
  },
  {
    id: "R350",
    why: "Nothing else applies.",
    match: () => waitShortly("position_unknown", {}, RACE_AGAIN_MS),
  },
];

function acquire(o: Observation, reason: AcquireReason): Decision {
  return { kind: "acquire_lease", reason, vacancy: vacancyOf(viewOf(o)) };
}

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

function askRivals(o: Observation): Decision | null {
  return askPeers(o, racePeers(o, viewOf(o)), "no_leader");
}

function compare(o: Observation, ignored: readonly string[]): Decision {
  const isNamed = viewOf(o).failover?.candidate === o.self;
  const verdict = compareInRace(o, viewOf(o), {
    answers: answersOf(o),
    options: {
      isLagChecked: ignored.length === 0,
      isRanked: !isNamed,
      ignored,
    },
  });
  return verdict.kind === "win"
    ? acquire(o, "healthiest")
    : waitShortly(verdict.reason, verdict.facts, RACE_AGAIN_MS);
}

function awaitForgottenConsent(o: Observation): Decision | null {
  const leftMs = consentLeftMs(o);
  if (leftMs <= 0) return null;
  const names = failsafeWitnesses(o, viewOf(o));
  if (names.length === 0) return null;
  if (o.peers.kind !== "asked") {
    return askRivals(o) ?? waitShortly("consent_unknown", {}, RACE_AGAIN_MS);
  }
  const { answers } = o.peers;
  const doubtful = names.filter((name) =>
    !answers.some((a) =>
      a.name === name && a.kind === "answered" && a.isInRecovery
    )
  );
  return doubtful.length === 0 ? null : waitShortly(
    "consent_unknown",
    { members: doubtful.join(","), leftMs: Math.round(leftMs) },
    Math.min(leftMs, RACE_AGAIN_MS),
  );
}

function waitForSilence(o: Observation): Decision | null {
  const { walMovedAt } = o.memory;
  const { primaryRaceBackoffMs } = o.settings;
  if (walMovedAt === null || primaryRaceBackoffMs <= 0) return null;
  const passedMs = o.now - walMovedAt;
  return passedMs >= primaryRaceBackoffMs ? null : waitShortly(
    "wal_still_advancing",
    { passedMs, primaryRaceBackoffMs },
    Math.min(primaryRaceBackoffMs - passedMs, RACE_AGAIN_MS),
  );
}

function obeyRequest(o: Observation): Decision | null {
  const request = viewOf(o).failover;
  if (request === null || replicaOf(o) === null) return null;
  const isOutOfSync = isSyncActive(o.settings, viewOf(o)) &&
    !isQuorumRace(o, viewOf(o)) && !isInSync(viewOf(o), o.self);
  if (isOutOfSync && request.leader !== null) return null;
  if (request.candidate === o.self) return candidacy(o, request);
  if (o.peers.kind !== "asked") {
    return askRivals(o) ?? obeyWithoutCandidate(o, request);
  }
  if (request.candidate !== null && isCandidateReady(o, request.candidate)) {
    return waitShortly("candidate_expected", { candidate: request.candidate });
  }
  return obeyWithoutCandidate(o, request);
}

/** In quorum mode being named in the sync key proves nothing: a switchover still needs the votes. */
function candidacy(o: Observation, request: FailoverRequest): Decision {
  if (request.leader === null || !isQuorumRace(o, viewOf(o))) {
    return acquire(o, "named_candidate");
  }
  const decision = askRivals(o) ?? compare(o, [request.leader]);
  return decision.kind === "acquire_lease"
    ? acquire(o, "named_candidate")
    : decision;
}

/** Whether the named candidate is worth waiting for; for a switchover in quorum mode only if it can get the votes. */
function isCandidateReady(o: Observation, candidate: string): boolean {
  if (o.peers.kind !== "asked") return false;
  const view = viewOf(o);
  const isQuorum = isQuorumRace(o, view) && !isForcedCandidate(view, candidate);
  if (isQuorum && !isInSync(view, candidate)) return false;
  const requiredLsn = isQuorum ? positionOf(o) : null;
  return readySuccessors(o, view, {
    answers: o.peers.answers,
    limits: { requiredLsn, leaderLsn: null },
  }).length > 0;
}

function positionOf(o: Observation): Lsn | null {
  const own = replicaOf(o);
  return own === null ? null : ownPosition(own);
}

function obeyWithoutCandidate(
  o: Observation,
  request: FailoverRequest,
): Decision | null {
  if (request.leader === null) return null;
  if (request.leader !== o.self) return compare(o, [request.leader]);
  const view = { ...viewOf(o), failover: { ...request, candidate: null } };
  const answers = answersOf(o);
  // Nobody gets the votes in quorum mode who lacks what the old leader has.
  const requiredLsn = isQuorumRace(o, view) ? positionOf(o) : null;
  // Before they are counted: a candidate that is not ready has no vote either.
  const others = readySuccessors(o, view, {
    answers: answers.filter(({ name }) => name !== request.candidate),
    limits: { requiredLsn, leaderLsn: null },
  });
  if (others.length > 0) {
    return waitShortly("new_leader_expected", { others: others.join(",") });
  }
  const hasLed = viewOf(o).sync.leader === o.self;
  return isQuorumRace(o, viewOf(o)) && !hasLed
    ? compare(o, [])
    : acquire(o, "took_back");
}
