/**
 * What this member does about its own pledge: whether it wants one, and the next
 * step that follows from it.
 */
import type { Revision } from "../../base/units.ts";
import type { ClusterView } from "../../model/cluster_view.ts";
import { leadOf, type Observation } from "../../model/observation.ts";
import type { PledgeKey } from "../../model/pledge.ts";
import type {
  LeaderSigns,
  LeaderSound,
  PledgeView,
} from "../../model/pledge_view.ts";
import type { PledgeReason } from "../../model/takeover_decision.ts";
import { consentLeftMs, NO_REVISION } from "../lead/failsafe.ts";
import { obstaclesOf } from "./obstacles.ts";
import {
  isVetoed,
  type PledgeSight,
  type PledgeStep,
  pledgeStep,
} from "./pledge_step.ts";
import { isSuspected } from "./suspicion.ts";

/** The next step, and why. */
export interface OwnStep {
  readonly step: PledgeStep;
  readonly reason: PledgeReason;
}

/**
 * What to do about the own pledge now; null: nothing, it binds nobody and none
 * is wanted.
 */
export function ownPledgeStep(o: Observation): OwnStep | null {
  const { pledge } = o;
  if (pledge === null || o.dcs.kind !== "reachable") return null;
  const sight = sightOf(o, pledge, o.dcs.view);
  if (!isConcerned(o, sight)) return null;
  const step = pledgeStep(sight);
  return step.kind === "free" ? null : { step, reason: reasonOf(sight) };
}

/** True if the step depends on what the store shows now, and not on what it showed. */
export function isFreshViewNeeded(o: Observation): boolean {
  const kind = o.pledge?.record.kind;
  return (kind === "pledged" || kind === "missing") &&
    o.pledge?.isViewFresh === false && ownPledgeStep(o) !== null;
}

/** A record that was never written says nothing, and needs nothing while nobody may pledge. */
function isConcerned(o: Observation, { record, entry }: PledgeSight): boolean {
  if (record.kind === "pledged" || o.settings.takeover !== null) return true;
  return record.kind === "missing" && entry !== null && entry.pledge !== null;
}

function sightOf(
  o: Observation,
  pledge: PledgeView,
  view: ClusterView,
): PledgeSight {
  const { record, written, source, position } = pledge;
  const isPrimary = o.postgres.kind === "running" &&
    o.postgres.role === "primary";
  return {
    record,
    wish: isPledgeWanted(o, pledge, view) ? "pledge" : "follow",
    term: termOf(o, view),
    entry: entryOf(view, o.self),
    ...{ written, source, position },
    // A primary that leads has everything by its own right.
    isCaughtUp: (pledge.isCaughtUp && isOnStream(o)) ||
      (leadOf(o) === "self" && isPrimary),
  };
}

/** WAL of the leader comes in, on its line of history. */
export function isOnStream(
  { postgres, memory }: Pick<Observation, "postgres" | "memory">,
): boolean {
  return postgres.kind === "running" && postgres.role === "replica" &&
    postgres.isStreaming && memory.divergence === "unsuspected";
}

/** One that only lives by consents has no key, and so no term. */
function termOf(o: Observation, { leader }: ClusterView): Revision | null {
  const isOther = leader !== null && leader.name !== o.self &&
    leader.revision !== NO_REVISION;
  return isOther ? leader.revision : null;
}

function entryOf({ pledges }: ClusterView, self: string): PledgeKey | null {
  return pledges.find(({ name }) => name === self) ?? null;
}

function isPledgeWanted(
  o: Observation,
  { record, hasConsented, sound, storeObstacle }: PledgeView,
  view: ClusterView,
): boolean {
  const { settings, now, memory, self } = o;
  const { takeover: timing } = settings;
  const term = termOf(o, view);
  if (timing === null || term === null) return false;
  const isReplica = o.postgres.kind === "running" &&
    o.postgres.role === "replica" && o.postgres.restore === undefined;
  // The end of WAL that may have left the leader's line says nothing about it.
  const isOnLine = isReplica && memory.divergence === "unsuspected";
  if (record.kind === "none" && !isOnLine) return false;
  const isVoter = view.sync.standbys.includes(self);
  const isBound = hasConsented || consentLeftMs(o) > 0;
  if (!isVoter || isBound || memory.isSyncDutyReleased) return false;
  const { vetoes } = memory.takeover;
  const isLost = isSuspected(now, signsOf(view, sound), { timing, vetoes });
  return isLost && obstaclesOf({ settings, view, storeObstacle }).length === 0;
}

/** What was heard, as far as it is of the leader's present term. */
export function signsOf(
  { leader }: Pick<ClusterView, "leader">,
  sound: LeaderSound | null,
): LeaderSigns {
  const isIt = sound !== null && leader !== null &&
    sound.leader === leader.name && sound.term === leader.revision;
  if (!isIt) return { heardAt: null, walAt: null, isRefused: false };
  const { heardAt, postgresAt: walAt, isRefused } = sound;
  return { heardAt, walAt, isRefused };
}

function reasonOf(sight: PledgeSight): PledgeReason {
  const { record, term, wish } = sight;
  switch (record.kind) {
    case "missing":
      return "record_missing";
    case "behind":
      return "caught_up";
    case "none":
      return "leader_suspected";
    case "pledged":
      if (record.term !== term) return "term_over";
      if (wish === "follow") return "withdrawn";
      return isVetoed(sight, record.term) ? "vetoed" : "leader_suspected";
  }
}
