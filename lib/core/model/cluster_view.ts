/**
 * The scope as one consistent read of the DCS showed it: the decoded keys and
 * the revisions needed for compare-and-set. A view never changes; a newer read
 * is a new view.
 */
import type { Lsn, Revision } from "../base/units.ts";
import type { FencingKey } from "./fencing.ts";
import type { Member, MemberName } from "./member.ts";
import type { PledgeKey } from "./pledge.ts";

/** The `initialize` key: who may bootstrap, and which lineage the scope has. */
export type InitializeKey =
  | { readonly kind: "absent" }
  | { readonly kind: "bootstrapping" }
  | { readonly kind: "initialized"; readonly systemId: string }
  | { readonly kind: "invalid" };

/** The `leader` key. */
export interface LeaderKey {
  readonly name: MemberName;
  /** It hangs on this process's own session. */
  readonly isHeld: boolean;
  readonly revision: Revision;
}

/**
 * By what a time without leader is told from another: whoever leads moves the
 * published position, or the sync key.
 */
export interface Vacancy {
  readonly leaderLsn: Lsn | null;
  readonly syncRevision: Revision | null;
}

/** The `config` key; `document` is null when the text is no JSON object. */
export interface ConfigKey {
  readonly document: Readonly<Record<string, unknown>> | null;
  readonly revision: Revision;
}

/** The `status` key: how far the leader's WAL was when it last renewed. */
export interface StatusKey {
  readonly leaderLsn: Lsn | null;
  readonly slots: Readonly<Record<string, Lsn>> | null;
  readonly retainSlots: readonly string[] | null;
}

/** The `sync` key. `revision` is null if the key is absent. */
export interface SyncKey {
  readonly leader: MemberName | null;
  readonly quorum: number;
  readonly standbys: readonly MemberName[];
  readonly revision: Revision | null;
}

/** The `failover` key: what an operator asked for. */
export interface FailoverRequest {
  /** Present: switchover away from this member. Null: failover. */
  readonly leader: MemberName | null;
  readonly candidate: MemberName | null;
  /** ISO 8601 with zone, or null for "now". */
  readonly scheduledAt: string | null;
  readonly revision: Revision;
}

/** One entry of the `history` key: [timeline, switchpoint, reason, time?, name?]. */
export interface HistoryLine {
  readonly timeline: number;
  readonly switchpoint: Lsn;
  readonly reason: string;
  readonly timestamp: string | null;
  readonly newLeader: MemberName | null;
}

/** A key whose text only few readers want; they decode it. */
export interface StoredText {
  readonly text: string;
  readonly revision: Revision;
}

/** All keys of the scope, decoded. */
export interface ClusterView {
  readonly initialize: InitializeKey;
  readonly config: ConfigKey | null;
  readonly leader: LeaderKey | null;
  readonly status: StatusKey;
  /** Sorted by name. */
  readonly members: readonly Member[];
  readonly failover: FailoverRequest | null;
  readonly sync: SyncKey;
  /** Null: the key is absent or invalid (cluster timeline unknown). */
  readonly history: readonly HistoryLine[] | null;
  /** Name to api_url; null if absent or invalid. */
  readonly failsafe: Readonly<Record<string, string>> | null;
  /** Sorted by name; a member that never pledged has none. */
  readonly pledges: readonly PledgeKey[];
  /** Who may have the leader's host ended; null: absent. */
  readonly fencing: FencingKey | null;
  /** The last changes of leader, for `decodeFailovers`; null: absent. */
  readonly failovers: StoredText | null;
  /** The scope moves to another store, host by host, in maintenance mode. */
  readonly isMoving: boolean;
}

const INDEXES = new WeakMap<
  readonly Member[],
  ReadonlyMap<MemberName, Member>
>();

/** The member of that name, or null. Who follows chains of members asks often. */
export function memberOf(view: ClusterView, name: MemberName): Member | null {
  const known = INDEXES.get(view.members);
  if (known !== undefined) return known.get(name) ?? null;
  const index = new Map(view.members.map((member) => [member.name, member]));
  INDEXES.set(view.members, index);
  return index.get(name) ?? null;
}

/** The time without leader that `view` shows. */
export function vacancyOf({ status, sync }: ClusterView): Vacancy {
  return { leaderLsn: status.leaderLsn, syncRevision: sync.revision };
}

/** True if nobody led between the two, but the bidder. */
export function isSameVacancy(before: Vacancy, now: Vacancy): boolean {
  return before.leaderLsn === now.leaderLsn &&
    before.syncRevision === now.syncRevision;
}

/**
 * The timeline that the scope is known to be on: last history entry plus one,
 * 1 for an empty history, 0 if unknown.
 *
 * Source: docs/contract/dcs.md 3.9.
 */
export function clusterTimeline(view: ClusterView): number {
  if (view.history === null) return 0;
  const last = view.history.at(-1);
  return last === undefined ? 1 : last.timeline + 1;
}
