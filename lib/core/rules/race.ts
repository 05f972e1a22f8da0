/**
 * RACE: the leader key is free, and this member is a replica. Who bids for it, who
 * waits for somebody better, who steps back.
 */
import {
  isInSync,
  isLeftOutByFailsafe,
  isQuorumRace,
  isSyncActive,
} from "../calc/lead/candidates.ts";
import { consentLeftMs, failsafeWitnesses } from "../calc/lead/failsafe.ts";
import type { Decision } from "../model/decision.ts";
import type { Observation } from "../model/observation.ts";
import { isPromotionBarred, viewOf, wait, waitShortly } from "./parts.ts";
import type { Rule } from "./rule.ts";
import { askRivals, compare, LOST, RACE_AGAIN_MS } from "./race_parts.ts";
import { RESTORE_RUNS } from "./restore.ts";

/** Rows that keep a member out of the race. */
export const BARRED: readonly Rule[] = [
  RESTORE_RUNS,
  {
    id: "R285",
    why:
      "A member whose pre_promote script failed leaves the key to others for a ttl.",
    decides: ["wait pre_promote_failed"],
    match: (o) => isPromotionBarred(o) ? wait("pre_promote_failed") : null,
  },
  {
    id: "R290",
    why:
      "In pause only the named candidate of an unscheduled request may take over.",
    decides: ["wait paused"],
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
    decides: ["wait nofailover"],
    match: (o) => o.tags.isNofailover ? wait("nofailover") : null,
  },
  {
    id: "R305",
    why: "A member whose required watchdog cannot be used never leads.",
    decides: ["wait watchdog_failed"],
    match: (o) => o.memory.hasWatchdogFailed ? wait("watchdog_failed") : null,
  },
  {
    id: "R307",
    why:
      "In failsafe mode a member that the map does not list never leads: nobody would have asked it.",
    decides: ["wait not_in_failsafe_map"],
    match: (o) =>
      isLeftOutByFailsafe(o, viewOf(o), o.self)
        ? wait("not_in_failsafe_map")
        : null,
  },
  {
    id: "R308",
    why:
      "In failsafe mode a member that just started may have forgotten a consent: for a ttl it leads only if all of the map answer and none is a primary.",
    decides: ["ask_peers no_leader", "wait consent_unknown"],
    match: awaitForgottenConsent,
  },
];

/** Rows that compare, when no request decides. */
export const COMPARED: readonly Rule[] = [
  {
    id: "R320",
    why:
      "In synchronous mode only members that surely have every commit may lead.",
    decides: ["wait not_synchronous"],
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
    decides: ["wait wal_still_advancing"],
    match: waitForSilence,
  },
  {
    id: "R330",
    why: "Before comparing, the peers' positions must be known.",
    decides: ["ask_peers no_leader"],
    match: askRivals,
  },
  {
    id: "R340",
    why: "The healthiest member bids; the others wait for it.",
    decides: ["acquire_lease healthiest", ...LOST],
    match: (o) => compare(o, { ignored: [], reason: "healthiest" }),
  },
];

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
