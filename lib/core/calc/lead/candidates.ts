/**
 * Who may lead: which peers a race must hear, and what their answers mean for
 * this member. Only comparisons; what follows from them stands in the rules.
 */
import { type Lsn, maxLsn } from "../../base/units.ts";
import { clusterTimeline, type ClusterView } from "../../model/cluster_view.ts";
import type { Facts, WaitReason } from "../../model/decision.ts";
import type { Member, MemberName, Tags } from "../../model/member.ts";
import type { AgentMemory } from "../../model/memory.ts";
import type { Observation } from "../../model/observation.ts";
import type { PeerAnswer } from "../../model/peer_view.ts";
import { ownPosition } from "../../model/postgres_view.ts";
import { consentLeftMs, failsafePeers, failsafeWitnesses } from "./failsafe.ts";
import type { ClusterSettings } from "../../model/settings.ts";

/** A peer that answered with a usable status. */
export type UsablePeer = Extract<PeerAnswer, { kind: "answered" }>;

/** Why a comparison is lost. */
export const LOSE_REASONS = [
  "position_unknown",
  "lag_exceeds_maximum",
  "timeline_behind",
  "primary_alive",
  "peer_ahead",
  "peer_priority_higher",
  "quorum_missing",
] as const satisfies readonly WaitReason[];

/** One of them. */
export type LoseReason = typeof LOSE_REASONS[number];

/** The result of comparing this member with its peers. */
export type RaceVerdict =
  | { readonly kind: "win"; readonly facts: Facts }
  | {
    readonly kind: "lose";
    readonly reason: LoseReason;
    readonly facts: Facts;
  };

/**
 * True while the mode is on and the sync key names a leader: only then its names
 * restrict who may lead.
 *
 * Source: docs/contract/ha.md 5.1.
 */
export function isSyncActive(
  settings: ClusterSettings,
  view: ClusterView,
): boolean {
  return settings.synchronousMode !== "off" && !settings.isStandbyCluster &&
    view.sync.leader !== null;
}

/** True if the sync key lists that member, as leader or standby; case does not count. */
export function isInSync(view: ClusterView, name: MemberName): boolean {
  const wanted = name.toLowerCase();
  return view.sync.leader?.toLowerCase() === wanted ||
    view.sync.standbys.some((standby) => standby.toLowerCase() === wanted);
}

/**
 * The members that a race must ask: those of the last view that had a leader,
 * overlaid by those of the current view, without self and without those that
 * cannot be asked or never lead. The candidate of a failover is always among them,
 * and whoever might lead by a consent that this member forgot.
 *
 * Source: docs/contract/ha.md 5.2.
 */
export function racePeers(
  o: Observation,
  view: ClusterView,
): readonly Member[] {
  const byName = new Map<MemberName, Member>();
  for (const member of o.memory.knownPeers?.members ?? []) {
    byName.set(member.name, member);
  }
  for (const member of failsafePeers(o, view)) {
    if (!byName.has(member.name)) byName.set(member.name, member);
  }
  for (const member of view.members) byName.set(member.name, member);
  const witnesses = consentLeftMs(o) > 0 ? failsafeWitnesses(o, view) : [];
  return [...byName.values()].filter((member) =>
    member.name !== o.self && member.apiUrl !== null &&
    (isCompared(o, view, member) || witnesses.includes(member.name) ||
      isForcedCandidate(view, member.name))
  );
}

function isCompared(
  o: Observation,
  view: ClusterView,
  { name, tags }: Member,
): boolean {
  return (!tags.isNofailover || isQuorumRace(o, view)) &&
    (!isSyncActive(o.settings, view) || isInSync(view, name));
}

/** An operator wants that member to lead by a failover, in sync or not. */
export function isForcedCandidate(
  view: ClusterView,
  name: MemberName,
): boolean {
  const request = view.failover;
  return request?.leader === null && request.candidate === name;
}

/** Why an answer shows a member that may not lead at all; null: it may. */
export function unfitness(answer: PeerAnswer): string | null {
  if (answer.kind === "silent") return "silent";
  if (answer.position === null) return "position_unknown";
  if (answer.isNofailover) return "nofailover";
  return answer.hasWatchdogFailed ? "watchdog_failed" : null;
}

/** True if the answer shows a member that may lead at all. */
export function isUsable(answer: PeerAnswer): answer is UsablePeer {
  return unfitness(answer) === null;
}

/** How strictly a race compares. */
export interface RaceOptions {
  /** False for manual requests. */
  readonly isLagChecked: boolean;
  /** By failover_priority among equals; false for a named candidate, for which the others wait. */
  readonly isRanked: boolean;
  /** These members do not lead next: they stand in nobody's way, but have a vote. */
  readonly ignored: readonly MemberName[];
}

/** One in the race: as it sees itself, or as another one sees it. */
export interface Runner {
  readonly self: MemberName;
  readonly tags: Pick<Tags, "failoverPriority">;
  readonly settings: ClusterSettings;
  /** Who led last, as far as it knows. */
  readonly lastLeader: MemberName | null;
  /** Null: unknown. */
  readonly position: Lsn | null;
  /** 0: unknown. */
  readonly timeline: number;
}

/** This member. */
export function runnerOf(o: Observation): Runner {
  const { self, tags, settings, memory, postgres } = o;
  const isRunning = postgres.kind === "running";
  return {
    ...{ self, tags, settings },
    lastLeader: memory.knownPeers?.leader ?? null,
    position: isRunning ? ownPosition(postgres) : null,
    timeline: isRunning ? postgres.timeline : 0,
  };
}

/**
 * Compares a replica with the answers of its peers.
 *
 * Source: docs/contract/ha.md 5.3 and 5.4.
 */
export function compareInRace(
  o: Runner,
  view: ClusterView,
  inputs: {
    readonly answers: readonly PeerAnswer[];
    readonly options: RaceOptions;
  },
): RaceVerdict {
  const { answers, options } = inputs;
  const own = o.position;
  if (own === null) return lose("position_unknown", {});
  const refusal = ownRefusal(o, view, { own, options });
  if (refusal !== null) return refusal;
  const usable = answers.filter(isUsable);
  const better = usable
    .filter((peer) => !options.ignored.includes(peer.name))
    .filter((peer) => !isOutOfRace(o, view, peer))
    .map((peer) => betterThanSelf(o, view, { own, peer, options }))
    .find((verdict) => verdict !== null);
  if (better !== undefined && better !== null) return better;
  return countVotes(o, view, { own, peers: usable });
}

function ownRefusal(
  o: Runner,
  view: ClusterView,
  facts: { readonly own: Lsn; readonly options: RaceOptions },
): RaceVerdict | null {
  const lagBytes = (view.status.leaderLsn ?? 0n) - facts.own;
  const maximum = BigInt(o.settings.maximumLagOnFailoverBytes);
  if (facts.options.isLagChecked && lagBytes > maximum) {
    return lose("lag_exceeds_maximum", {
      lagBytes,
      maximumLagOnFailoverBytes: maximum,
    });
  }
  const known = clusterTimeline(view);
  const { timeline } = o;
  if (
    o.settings.isTimelineChecked && !o.settings.isStandbyCluster &&
    timeline < known
  ) {
    return lose("timeline_behind", { timeline, clusterTimeline: known });
  }
  return null;
}

/**
 * A replica that its own rules keep from leading, so nobody may wait for it: with
 * check_timeline on an old timeline, in failsafe mode not in the map, in
 * synchronous mode not in the sync key.
 */
function isOutOfRace(
  o: Pick<Runner, "settings">,
  view: ClusterView,
  peer: UsablePeer,
): boolean {
  if (!peer.isInRecovery) return false;
  const isOnOldTimeline = o.settings.isTimelineChecked &&
    !o.settings.isStandbyCluster && peer.timeline !== null &&
    peer.timeline < clusterTimeline(view);
  const isOutOfSync = isSyncActive(o.settings, view) &&
    !isInSync(view, peer.name);
  return isOnOldTimeline || isOutOfSync ||
    isLeftOutByFailsafe(o, view, peer.name);
}

/** True if the failsafe map restricts who may lead and does not list that member. */
export function isLeftOutByFailsafe(
  o: Pick<Observation, "settings">,
  view: ClusterView,
  name: MemberName,
): boolean {
  const map = view.failsafe ?? {};
  return o.settings.isFailsafeMode && Object.keys(map).length > 0 &&
    map[name] === undefined;
}

function betterThanSelf(
  o: Runner,
  view: ClusterView,
  facts: {
    readonly own: Lsn;
    readonly peer: UsablePeer;
    readonly options: RaceOptions;
  },
): RaceVerdict | null {
  const { own, peer, options } = facts;
  const position = peer.position ?? 0n;
  const isSync = isSyncActive(o.settings, view);
  if (!peer.isInRecovery) return lose("primary_alive", { peer: peer.name });
  if (position > own) {
    if (isSync && peer.name === view.sync.leader) return null;
    return lose("peer_ahead", {
      peer: peer.name,
      peerPosition: position,
      ownPosition: own,
    });
  }
  const isOutranked = options.isRanked && position === own &&
    o.tags.failoverPriority < peer.failoverPriority;
  if (!isOutranked || isFormerLeader(o, view, peer.name)) return null;
  return lose("peer_priority_higher", {
    peer: peer.name,
    peerPriority: peer.failoverPriority,
    ownPriority: o.tags.failoverPriority,
  });
}

function isFormerLeader(
  { lastLeader }: Pick<Runner, "lastLeader">,
  view: ClusterView,
  name: MemberName,
): boolean {
  return name === view.sync.leader || name === lastLeader;
}

/**
 * True if the names in the sync key are voters, of whom any may lack the last
 * commits. The key decides too: right after the mode was changed it still has
 * the old meaning.
 */
export function isQuorumRace(
  o: Pick<Observation, "settings">,
  view: ClusterView,
): boolean {
  return isSyncActive(o.settings, view) &&
    (o.settings.synchronousMode === "quorum" || view.sync.quorum > 0);
}

function countVotes(
  o: Runner,
  view: ClusterView,
  facts: { readonly own: Lsn; readonly peers: readonly UsablePeer[] },
): RaceVerdict {
  if (!isQuorumRace(o, view)) return { kind: "win", facts: { own: facts.own } };
  // Who has WAL that this member lacks gives no vote: the old leader, which may
  // be ahead without stopping the race, and everybody on a later timeline.
  const voters = facts.peers.filter((peer) =>
    isInSync(view, peer.name) && (peer.position ?? 0n) > 0n &&
    (peer.position ?? 0n) <= facts.own && (peer.timeline ?? 0) <= o.timeline
  );
  const votes = (isInSync(view, o.self) ? 0 : -1) + voters.length;
  const quorum = view.sync.quorum;
  if (votes >= quorum || view.sync.leader === o.self) {
    return { kind: "win", facts: { votes, quorum } };
  }
  return lose("quorum_missing", { votes, quorum });
}

function lose(reason: LoseReason, facts: Facts): RaceVerdict {
  return { kind: "lose", reason, facts };
}

/** The highest timeline that anything in the DCS or in memory shows for this scope. */
export function highestKnownTimeline(
  memory: AgentMemory,
  view: ClusterView,
): number {
  return Math.max(
    clusterTimeline(view),
    memory.leaderTimeline,
    ...view.members.map((member) => member.timeline ?? 0),
  );
}

/** The position that a member key shows: the higher of its published positions. */
export function publishedPosition(member: Member): Lsn | null {
  return maxLsn(member.xlogLsn, maxLsn(member.receivedLsn, member.replayedLsn));
}
