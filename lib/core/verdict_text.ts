/** Verdicts and the last change of leader as lines for people. */
import { formatLsn, type Lsn, lsn } from "./base/units.ts";
import { isInSync, isSyncActive } from "./calc/lead/candidates.ts";
import { explain } from "./explain.ts";
import type { ClusterView } from "./model/cluster_view.ts";
import { settingsIn } from "./codec/settings_codec.ts";
import type { Facts, WaitReason } from "./model/decision.ts";
import {
  leaderPosition,
  type RefusalReason,
  type Verdict,
} from "./calc/lead/verdicts.ts";
import type { PeerAnswer } from "./model/peer_view.ts";

/** `n2: could not take over: peer_ahead - n3 has WAL that it lacks ...` */
export function verdictLine(
  verdict: Verdict,
  answers: readonly PeerAnswer[],
  ttlMs: number,
): string {
  const { name } = verdict;
  switch (verdict.kind) {
    case "leads":
      return `${name}: leads now${silence(name, { answers, ttlMs })}`;
    case "can":
      return `${name}: could take over, its WAL ends at ${
        formatLsn(verdict.position)
      }`;
    case "cannot":
      return `${name}: could not take over: ${refusalText(verdict)}`;
  }
}

/** A leader that nobody can ask may well be gone: its key ends by itself. */
function silence(
  name: string,
  { answers, ttlMs }: {
    readonly answers: readonly PeerAnswer[];
    readonly ttlMs: number;
  },
): string {
  const answer = answers.find((each) => each.name === name);
  if (answer !== undefined && answer.kind !== "silent") return "";
  const detail = answer?.detail ?? "it published no api_url";
  return `, but ${silenceText(detail)}; if it is gone, its leader key ends ` +
    `within ttl (${ttlMs / 1000} s)`;
}

/** What an unanswered call most likely means, and what to look at. */
function silenceText(detail: string): string {
  const what = `its REST API does not answer (${detail})`;
  if (detail.includes("ECONNREFUSED")) {
    return `${what}: its agent is not running there, start it`;
  }
  return detail.startsWith("no answer from")
    ? `${what}: its agent hangs or is frozen, its host is down, or a firewall ` +
      "is between"
    : what;
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
  return reason === "no_answer" || reason === "not_registered"
    ? "upstream_silent"
    : reason;
}

/** An agent says "I"; who reads about it wants "it". Null: no own sentence. */
function sentenceAbout(reason: RefusalReason, facts: Facts): string | null {
  const { peer, peerPosition, ownPosition } = facts;
  switch (reason) {
    case "no_answer":
      return silenceText(String(facts["detail"]));
    case "not_registered":
      return absenceText(facts);
    case "paused":
      return "maintenance mode is on: nobody takes over by itself";
    case "nofailover":
      return "its tag nofailover or failover_priority forbids it";
    case "not_synchronous":
      return "it is not synchronous and may lack acknowledged commits";
    case "watchdog_failed":
      return "its watchdog cannot be activated";
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

function absenceText(facts: Facts): string {
  const { ttlMs, slotLsn, behindBytes } = facts;
  const slot = slotLsn === null ? "" : `; its slot on the leader stands at ` +
    `${positionText(slotLsn)}, ${behindBytes ?? "?"} bytes behind`;
  return `it has no member key: for more than ttl (${Number(ttlMs) / 1000} ` +
    "s) its agent is not running, is frozen, or does not reach the store; " +
    `start it or look at its log${slot}`;
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
      ? "Nobody leads and nobody can take over: there is no leader until one " +
        "of the reasons above is cleared"
      : "Without the leader nobody could lead: no writes until it is back";
  }
  const isCovered = isSyncActive(settingsIn(view), view) &&
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

/** What PostgreSQL writes into the history of every promotion. */
const PROMOTED = "no recovery target specified";

/** When the leader last changed, as far as the keys tell. */
export function lastChangeLine({ history }: ClusterView): string {
  const last = history?.at(-1);
  if (last === undefined) {
    return "There was no failover or switchover yet (timeline 1)";
  }
  const when = last.timestamp === null ? "" : ` at ${last.timestamp}`;
  const why = last.reason === PROMOTED ? "" : `: ${last.reason}`;
  const before = history?.at(-2)?.newLeader ?? null;
  const from = before === null ? "" : ` after ${before}`;
  return `Last change of leader${when}: ${last.newLeader ?? "a member"} was ` +
    `promoted${from}; timeline ${last.timeline + 1} began after ${
      formatLsn(last.switchpoint)
    } of timeline ${last.timeline}${why}`;
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
