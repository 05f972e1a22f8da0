/**
 * Who could take over from a leader: what a switchover, an early release or a
 * crash failover may count on, and why the others may not be counted on.
 *
 * Source: docs/contract/ha.md 5.6.
 */
import type { Lsn } from "../../base/units.ts";
import { clusterTimeline, type ClusterView } from "../../model/cluster_view.ts";
import type { Facts } from "../../model/decision.ts";
import type { Member, MemberName } from "../../model/member.ts";
import type { Observation } from "../../model/observation.ts";
import type { PeerAnswer } from "../../model/peer_view.ts";
import type { ClusterSettings } from "../../model/settings.ts";
import {
  isInSync,
  isLeftOutByFailsafe,
  isQuorumRace,
  isSyncActive,
  isUsable,
  unfitness,
  type UsablePeer,
} from "./candidates.ts";

type Self = Pick<Observation, "self" | "settings">;

/** The members that may be asked whether they could take over from this leader. */
export function successors(
  o: Self,
  view: ClusterView,
): readonly Member[] {
  return view.members.filter((member) => exclusionOf(o, view, member) === null);
}

/** Why that member is not even asked; null: it is. */
function exclusionOf(
  o: Self,
  view: ClusterView,
  member: Member,
): string | null {
  const request = view.failover;
  const candidate = request?.candidate ?? null;
  if (member.name === o.self) return "leads_already";
  if (candidate !== null && candidate !== member.name) return "not_named";
  if (member.apiUrl === null) return "address_unknown";
  if (member.tags.isNofailover) return "nofailover";
  // It would wait for ever (R307), and whoever waits for it as well.
  if (isLeftOutByFailsafe(o, view, member.name)) return "not_in_failsafe_map";
  const isManualFailover = request !== null && request.leader === null;
  const isRestricted = isSyncActive(o.settings, view) && !isManualFailover;
  return isRestricted && !isInSync(view, member.name)
    ? "not_synchronous"
    : null;
}

/** Limits that a successor must keep. */
interface SuccessorLimits {
  /** It must have received the WAL up to here; null: only the lag counts. */
  readonly requiredLsn: Lsn | null;
  /** The leader's position, for the lag; null: unknown. */
  readonly leaderLsn: Lsn | null;
}

interface Answers {
  readonly answers: readonly PeerAnswer[];
  readonly limits: SuccessorLimits;
}

/** The names among `answers` that could take over now. */
export function readySuccessors(
  o: Self,
  view: ClusterView,
  inputs: Answers,
): readonly MemberName[] {
  const ready = fitSuccessors(o, view, inputs);
  return missingVotes(o, view, ready) === null ? ready : [];
}

/**
 * Why nobody is ready, by member: a code, and the two numbers where two were
 * compared. For the log and for `explain`.
 */
export function refusals(
  o: Self,
  view: ClusterView,
  inputs: Answers,
): Facts {
  const candidate = view.failover?.candidate ?? null;
  const isUnknown = candidate !== null &&
    !view.members.some(({ name }) => name === candidate);
  const byMember = view.members.flatMap((member) => {
    const code = exclusionOf(o, view, member);
    if (code === "leads_already" || code === "not_named") return [];
    const answer = inputs.answers.find(({ name }) => name === member.name);
    const why = code ??
      (answer === undefined
        ? "silent"
        : unreadiness(o, view, { answer, limits: inputs.limits }));
    return why === null ? [] : [[member.name, why] as const];
  });
  const votes = missingVotes(o, view, fitSuccessors(o, view, inputs));
  return {
    ...Object.fromEntries(byMember),
    ...(votes === null ? {} : { votes }),
    ...(isUnknown ? { [candidate]: "unknown_member" } : {}),
  };
}

function fitSuccessors(
  o: Self,
  view: ClusterView,
  { answers, limits }: Answers,
): readonly MemberName[] {
  const names = new Set(successors(o, view).map((member) => member.name));
  return answers.filter((answer) =>
    names.has(answer.name) && unreadiness(o, view, { answer, limits }) === null
  ).map((answer) => answer.name);
}

/** In quorum mode without a named candidate enough members must be there to vote. */
function missingVotes(
  o: Self,
  view: ClusterView,
  ready: readonly MemberName[],
): string | null {
  const hasCandidate = (view.failover?.candidate ?? null) !== null;
  if (!isQuorumRace(o, view) || hasCandidate) return null;
  const votes = ready.length - 1;
  const { quorum } = view.sync;
  return votes < quorum ? `quorum_missing ${votes} < ${quorum}` : null;
}

function unreadiness(
  o: Self,
  view: ClusterView,
  asked: { readonly answer: PeerAnswer; readonly limits: SuccessorLimits },
): string | null {
  const { answer, limits } = asked;
  if (!isUsable(answer)) return unfitness(answer);
  if (!answer.isInRecovery) return "primary_alive";
  const lag = excessiveLag(answer, limits, o.settings);
  if (lag !== null) return lag;
  const [timeline, known] = [answer.timeline ?? 0, clusterTimeline(view)];
  return o.settings.isTimelineChecked && timeline < known
    ? `timeline_behind ${timeline} < ${known}`
    : null;
}

function excessiveLag(
  answer: UsablePeer,
  { requiredLsn, leaderLsn }: SuccessorLimits,
  settings: ClusterSettings,
): string | null {
  const position = answer.position ?? 0n;
  if (requiredLsn !== null) {
    return position >= requiredLsn
      ? null
      : `position_behind ${position} < ${requiredLsn}`;
  }
  const lag = leaderLsn === null ? 0n : leaderLsn - position;
  const maximum = BigInt(settings.maximumLagOnFailoverBytes);
  return lag <= maximum ? null : `lag_exceeds_maximum ${lag} > ${maximum}`;
}
