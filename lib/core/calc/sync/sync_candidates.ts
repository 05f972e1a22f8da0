/**
 * Which replicas a synchronous primary may wait for, in which order, and which
 * of them surely acknowledge by now.
 *
 * Source: docs/contract/ha.md 11.2.
 */
import type { Lsn } from "../../base/units.ts";
import { type ClusterView, memberOf } from "../../model/cluster_view.ts";
import type { Member, MemberName } from "../../model/member.ts";
import type { PrimaryView, WalSender } from "../../model/postgres_view.ts";
import type { ClusterSettings } from "../../model/settings.ts";

/** What the plan is made from. */
export interface SyncInputs {
  readonly self: MemberName;
  readonly settings: ClusterSettings;
  readonly view: ClusterView;
  readonly postgres: PrimaryView;
  /** A write of the sync key may still be on its way. */
  readonly isWriteUncertain: boolean;
}

/** A streaming member. */
export interface SyncCandidate {
  readonly member: Member;
  readonly sender: WalSender;
  readonly position: Lsn;
}

/** Replicas that may be listed, best first. */
export function sortedCandidates(inputs: SyncInputs): readonly SyncCandidate[] {
  const all = inputs.postgres.walSenders
    .map((sender) => candidateOf(inputs, sender))
    .filter((candidate) => candidate !== null)
    .sort(byPreference);
  const best = all.reduce(
    (max, c) => c.position > max ? c.position : max,
    all.length > 1 ? 0n : inputs.postgres.flushedLsn,
  );
  const limit = inputs.settings.maximumLagOnSyncnodeBytes;
  return limit <= 0
    ? all
    : all.filter((c) => best - c.position <= BigInt(limit));
}

function candidateOf(
  inputs: SyncInputs,
  sender: WalSender,
): SyncCandidate | null {
  const position = acknowledgedUpTo(sender, inputs.settings);
  if (sender.state !== "streaming" || position === null) return null;
  const wanted = sender.applicationName.toLowerCase();
  const member = inputs.view.members.find((m) =>
    m.name.toLowerCase() === wanted
  );
  if (member === undefined || member.name === inputs.self) return null;
  if (member.state !== "running" || member.tags.isNosync) return null;
  const source = member.tags.replicatefrom;
  const isCascading = source !== null && source !== inputs.self &&
    memberOf(inputs.view, source)?.state === "running";
  if (isCascading) return null;
  return { member, sender, position };
}

/** With remote_apply a replica whose replay is stuck is behind, however much it flushed. */
function acknowledgedUpTo(
  { writtenLsn, flushedLsn, replayedLsn }: WalSender,
  { commitPosition }: ClusterSettings,
): Lsn | null {
  switch (commitPosition) {
    case "written":
      return writtenLsn;
    case "flushed":
      return flushedLsn;
    case "replayed":
      return replayedLsn;
  }
}

const SYNC_STATE_ORDER = ["sync", "quorum", "potential", "async"];

function byPreference(a: SyncCandidate, b: SyncCandidate): number {
  const byFailover = Number(a.member.tags.isNofailover) -
    Number(b.member.tags.isNofailover);
  if (byFailover !== 0) return byFailover;
  const byPriority = b.member.tags.syncPriority - a.member.tags.syncPriority;
  if (byPriority !== 0) return byPriority;
  const byState = SYNC_STATE_ORDER.indexOf(a.sender.syncState) -
    SYNC_STATE_ORDER.indexOf(b.sender.syncState);
  if (byState !== 0) return byState;
  if (a.position !== b.position) return a.position > b.position ? -1 : 1;
  return a.member.name < b.member.name ? -1 : 1;
}

/** True if PostgreSQL shows that replica as one that acknowledges; that alone proves nothing. */
export function isListed(
  { settings }: Pick<SyncInputs, "settings">,
  { sender }: SyncCandidate,
): boolean {
  const wanted = settings.synchronousMode === "quorum" ? "quorum" : "sync";
  return sender.syncState === wanted;
}

/**
 * True if that replica surely has every commit that was acknowledged before the
 * names were in force: it has what was flushed when that was known. What came
 * later was acknowledged by the names.
 */
export function isConfirmed(
  inputs: SyncInputs,
  candidate: SyncCandidate,
): boolean {
  const since = inputs.postgres.namesInForceLsn;
  return since !== null && isListed(inputs, candidate) &&
    candidate.position >= since;
}
