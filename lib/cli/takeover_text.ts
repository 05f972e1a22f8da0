/** Verdicts and the last change of leader as lines for people. */
import { formatLsn, type Lsn, lsn } from "../core/base/units.ts";
import { isInSync, isSyncActive } from "../core/calc/candidates.ts";
import { explain } from "../core/explain.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import { settingsOf } from "./replies.ts";
import type { Facts, WaitReason } from "../core/model/decision.ts";
import {
  leaderPosition,
  type RefusalReason,
  type Verdict,
} from "./takeover.ts";
import type { PeerAnswer } from "../core/model/peer_view.ts";

/** `n2: could not take over: peer_ahead - n3 has WAL that it lacks ...` */
export function verdictLine(
  verdict: Verdict,
  answers: readonly PeerAnswer[],
): string {
  const { name } = verdict;
  switch (verdict.kind) {
    case "leads":
      return `${name}: leads now${silence(name, answers)}`;
    case "can":
      return `${name}: could take over, its WAL ends at ${
        formatLsn(verdict.position)
      }`;
    case "cannot":
      return `${name}: could not take over: ${refusalText(verdict)}`;
  }
}

/** A leader that nobody can ask may well be gone: its key ends by itself. */
function silence(name: string, answers: readonly PeerAnswer[]): string {
  const answer = answers.find((each) => each.name === name);
  if (answer !== undefined && answer.kind !== "silent") return "";
  const detail = answer?.detail ?? "it published no api_url";
  return `, but its REST API does not answer (${detail}); if it is gone, its ` +
    "leader key ends within ttl";
}

/** Code and sentence of a refusal. */
export function refusalText(
  verdict: Extract<Verdict, { kind: "cannot" }>,
): string {
  const { reason, facts, name } = verdict;
  const about = sentenceAbout(reason, facts) ??
    explain({
      kind: "wait",
      reason: waitReason(reason),
      facts,
      againInMs: null,
    }, name);
  return `${reason} - ${about}`;
}

function waitReason(reason: RefusalReason): WaitReason {
  return reason === "no_answer" ? "upstream_silent" : reason;
}

/** An agent says "I"; who reads about it wants "it". Null: no own sentence. */
function sentenceAbout(reason: RefusalReason, facts: Facts): string | null {
  const { peer, peerPosition, ownPosition } = facts;
  switch (reason) {
    case "no_answer":
      return `its REST API does not answer (${facts["detail"]})`;
    case "paused":
      return "maintenance mode is on: nobody takes over by itself";
    case "nofailover":
      return "its tag nofailover or failover_priority forbids it";
    case "not_synchronous":
      return "it is not synchronous and may lack acknowledged commits";
    case "watchdog_failed":
      return "its watchdog can not be activated";
    case "position_unknown":
      return "its WAL position is not known, PostgreSQL may be down there";
    case "primary_alive":
      return `${peer} still runs as primary`;
    case "peer_ahead":
      return `${peer} has more WAL (${positionText(peerPosition)} against ` +
        `${positionText(ownPosition)})`;
    case "peer_priority_higher":
      return `${peer} has as much WAL and a higher failover_priority ` +
        `(${facts["peerPriority"]} against ${facts["ownPriority"]})`;
    default:
      return null;
  }
}

function positionText(position: Facts[string] | undefined): string {
  return typeof position === "bigint"
    ? formatLsn(lsn(position))
    : `${position}`;
}

/** What would be lost if the leader were gone now. */
export function lossLine(
  view: ClusterView,
  answers: readonly PeerAnswer[],
  verdicts: readonly Verdict[],
): string {
  const winners = verdicts.filter((verdict) => verdict.kind === "can");
  if (winners.length === 0) {
    return view.leader === null
      ? "Nobody leads and nobody can take over: no writes until that changes"
      : "Without the leader nobody could lead: no writes until it is back";
  }
  const isCovered = isSyncActive(settingsOf(view), view) &&
    winners.every(({ name }) => isInSync(view, name));
  if (isCovered) {
    return "Nothing that was acknowledged would be lost: replication is " +
      "synchronous";
  }
  const leader = leaderPosition(view, answers);
  if (leader === null) {
    return "What would be lost is unknown: so is the leader's position";
  }
  const best = winners.reduce<Lsn>(
    (highest, { position }) => position > highest ? position : highest,
    winners[0]?.position ?? leader,
  );
  const bytes = leader > best ? leader - best : 0n;
  return bytes === 0n
    ? "Nothing that was written up to now would be lost; what comes later " +
      "can be: replication is not synchronous"
    : `${bytes} bytes of WAL would be lost: the leader is at ${
      formatLsn(leader)
    }, the best replica at ${formatLsn(best)}`;
}

/** When the leader last changed, as far as the keys tell. */
export function lastChangeLine({ history }: ClusterView): string {
  const last = history?.at(-1);
  if (last === undefined) return "The leader never changed its timeline";
  const when = last.timestamp === null ? "" : ` at ${last.timestamp}`;
  const who = last.newLeader === null ? "" : `, leader ${last.newLeader}`;
  return `Timeline ${last.timeline + 1} began${when}, after ${
    formatLsn(last.switchpoint)
  } of timeline ${last.timeline}${who}: ${last.reason}`;
}

/** What is asked of the cluster at the moment; null: nothing. */
export function requestLine({ failover }: ClusterView): string | null {
  if (failover === null) return null;
  const { leader, candidate, scheduledAt } = failover;
  const what = leader === null ? "A failover" : `A switchover from ${leader}`;
  const to = candidate === null ? "" : ` to ${candidate}`;
  const when = scheduledAt === null ? " now" : ` at ${scheduledAt}`;
  return `${what}${to} is requested${when}`;
}
