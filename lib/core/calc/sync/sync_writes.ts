/**
 * The changes of synchronous replication as decisions, each with what it rests
 * on: the revision of the sync key, and the term in which it was seen.
 */
import type { ClusterView } from "../../model/cluster_view.ts";
import type { Decision, SyncGuard } from "../../model/decision.ts";
import type { MemberName } from "../../model/member.ts";

/** What the sync key is to say. */
export interface SyncWrite {
  readonly leader: MemberName;
  readonly standbys: readonly MemberName[];
  readonly quorum: number;
}

/** Writes the sync key, in the place of the one in `view`. */
export function writeSync(
  view: ClusterView,
  write: SyncWrite,
  reason: "synchronous_standbys_changed" | "synchronous_enabled",
): Decision {
  return { kind: "write_sync", reason, ...write, ...guardOf(view) };
}

/** Removes the sync key. */
export function deleteSync(view: ClusterView): Decision {
  const reason = "synchronous_disabled";
  return { kind: "delete_sync", reason, ...guardOf(view) };
}

/** Sets synchronous_standby_names; null: as the user configured it. */
export function setStandbys(
  view: ClusterView,
  value: string | null,
  reason: "synchronous_standbys_changed" | "before_promotion",
): Decision {
  const { term } = guardOf(view);
  return { kind: "set_synchronous_standbys", reason, value, term };
}

function guardOf({ sync, leader }: ClusterView): SyncGuard {
  return { revision: sync.revision, term: leader?.revision ?? null };
}
