/** Verdicts and the last change of leader as lines for people. */
import { formatLsn, type Lsn } from "../core/base/units.ts";
import { isInSync, isSyncActive } from "../core/calc/candidates.ts";
import { explain } from "../core/explain.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import { settingsOf } from "./replies.ts";
import { leaderPosition, type Verdict } from "./takeover.ts";
import type { PeerAnswer } from "../core/model/peer_view.ts";

/** `n2: could not take over: peer_ahead - Wal position of n3 is ahead ...` */
export function verdictLine(verdict: Verdict): string {
  const { name } = verdict;
  switch (verdict.kind) {
    case "leads":
      return `${name}: leads now`;
    case "can":
      return `${name}: could take over, its WAL ends at ${
        formatLsn(verdict.position)
      }`;
    case "cannot":
      return `${name}: could not take over: ${refusalText(verdict)}`;
  }
}

/** Code and sentence of a refusal. */
export function refusalText(
  verdict: Extract<Verdict, { kind: "cannot" }>,
): string {
  const { reason, facts, name } = verdict;
  switch (reason) {
    case "no_answer":
      return `${reason} - its REST API does not answer (${facts["detail"]})`;
    case "watchdog_failed":
      return `${reason} - its watchdog can not be activated`;
    default:
      return `${reason} - ${
        explain({ kind: "wait", reason, facts, againInMs: null }, name)
      }`;
  }
}

/** What would be lost if the leader were gone now. */
export function lossLine(
  view: ClusterView,
  answers: readonly PeerAnswer[],
  verdicts: readonly Verdict[],
): string {
  const winners = verdicts.filter((verdict) => verdict.kind === "can");
  if (winners.length === 0) {
    return "Without the leader nobody could lead: no writes until it is back";
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
