/**
 * Synchronous replication in mode `on`: which replicas commits should wait for,
 * and the next single change that brings the sync key and PostgreSQL there.
 *
 * The invariant: a name stands in the sync key only while PostgreSQL waits for
 * it. So names are added to PostgreSQL first and removed from the key first; each
 * change is one decision, and an agent that dies between two leaves a safe state.
 *
 * Source: spec/ha.md 11.2 and 11.3.
 */
import type { Lsn } from "../base/units.ts";
import { type ClusterView, memberOf } from "../model/cluster_view.ts";
import type { Decision } from "../model/decision.ts";
import type { Member, MemberName } from "../model/member.ts";
import type { PrimaryView, WalSender } from "../model/postgres_view.ts";
import type { ClusterSettings } from "../model/settings.ts";

/** What the plan is made from. */
export interface SyncInputs {
  readonly self: MemberName;
  readonly settings: ClusterSettings;
  readonly view: ClusterView;
  readonly postgres: PrimaryView;
  /** The primary's position when the names last changed; null: not by this agent. */
  readonly changedAtLsn: Lsn | null;
}

interface Candidate {
  readonly member: Member;
  readonly sender: WalSender;
  readonly position: Lsn;
}

/** The next change, or null if nothing is left to do. */
export function planSynchronous(inputs: SyncInputs): Decision | null {
  const { settings, view, postgres } = inputs;
  if (settings.synchronousMode === "off" || settings.isStandbyCluster) {
    return planDisabled(inputs);
  }
  if (view.sync.leader !== inputs.self) {
    return writeSync(inputs, [], "synchronous_enabled");
  }
  const candidates = sortedCandidates(inputs);
  const active = candidates.slice(0, settings.synchronousNodeCount);
  const activeNames = active.map((c) => c.member.name).sort();
  const confirmed = active.filter((c) => isConfirmed(inputs, c))
    .map((c) => c.member.name).sort();
  const voters = [...view.sync.standbys].sort();
  const wanted = formatStandbys(activeNames, settings.isSynchronousModeStrict);
  if (postgres.synchronousStandbyNames !== wanted) {
    const safe = voters.filter((name) => confirmed.includes(name));
    return areEqual(safe, voters)
      ? setStandbys(wanted)
      : writeSync(inputs, safe, "synchronous_standbys_changed");
  }
  return areEqual(confirmed, voters)
    ? null
    : writeSync(inputs, confirmed, "synchronous_standbys_changed");
}

/** True while listed replicas have not yet proved that commits wait for them. */
export function isConfirmationPending(inputs: SyncInputs): boolean {
  if (inputs.settings.synchronousMode === "off") return false;
  const active = sortedCandidates(inputs)
    .slice(0, inputs.settings.synchronousNodeCount);
  return active.some((candidate) => !isConfirmed(inputs, candidate));
}

/**
 * Before a promotion, with the lease held: the sync key forgets the replicas of
 * the old leader, then PostgreSQL starts without waiting (strict: for anybody).
 *
 * Source: spec/ha.md 11.4.
 */
export function planBeforePromotion(
  inputs: Omit<SyncInputs, "postgres" | "changedAtLsn"> & {
    readonly synchronousStandbyNames: string;
    readonly areStandbysManaged: boolean;
  },
): Decision | null {
  const { settings, view, self } = inputs;
  if (settings.synchronousMode === "off" || settings.isStandbyCluster) {
    if (view.sync.revision !== null && view.sync.leader !== null) {
      return { kind: "delete_sync", reason: "synchronous_disabled" };
    }
    return inputs.areStandbysManaged
      ? {
        kind: "set_synchronous_standbys",
        reason: "before_promotion",
        value: null,
      }
      : null;
  }
  if (view.sync.leader !== self || view.sync.standbys.length > 0) {
    return writeSync(inputs, [], "synchronous_enabled");
  }
  const value = formatStandbys([], settings.isSynchronousModeStrict);
  return inputs.synchronousStandbyNames === value ? null : {
    kind: "set_synchronous_standbys",
    reason: "before_promotion",
    value,
  };
}

function planDisabled(inputs: SyncInputs): Decision | null {
  const { view, postgres } = inputs;
  if (view.sync.revision !== null && view.sync.leader !== null) {
    return { kind: "delete_sync", reason: "synchronous_disabled" };
  }
  return postgres.areStandbysManaged ? setStandbys(null) : null;
}

/**
 * The value of synchronous_standby_names for these replicas.
 *
 * Source: spec/ha.md 11.3, "Value format".
 *
 * @example
 * ```ts
 * import { formatStandbys } from "./sync_standbys.ts";
 * if (formatStandbys(["a", "n-2"], false) !== '2 (a,"n-2")') throw new Error();
 * ```
 */
export function formatStandbys(
  names: readonly MemberName[],
  // A parameter of the scope, not a switch of behaviour.
  isStrict: ClusterSettings["isSynchronousModeStrict"],
): string {
  const [first] = names;
  if (first === undefined) return isStrict ? "*" : "";
  if (names.length === 1) return quoteStandby(first);
  return `${names.length} (${[...names].sort().map(quoteStandby).join(",")})`;
}

function quoteStandby(name: MemberName): string {
  const isPlain = /^[A-Za-z_][A-Za-z_0-9$]*$/.test(name) &&
    !["first", "any"].includes(name.toLowerCase());
  return isPlain ? name : `"${name.replaceAll('"', '""')}"`;
}

function sortedCandidates(inputs: SyncInputs): readonly Candidate[] {
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
): Candidate | null {
  if (sender.state !== "streaming" || sender.flushedLsn === null) return null;
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
  return { member, sender, position: sender.flushedLsn };
}

const SYNC_STATE_ORDER = ["sync", "quorum", "potential", "async"];

function byPreference(a: Candidate, b: Candidate): number {
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

function isConfirmed(inputs: SyncInputs, candidate: Candidate): boolean {
  if (candidate.sender.syncState !== "sync") return false;
  if (inputs.view.sync.standbys.includes(candidate.member.name)) return true;
  return inputs.changedAtLsn === null
    ? candidate.position >= inputs.postgres.flushedLsn
    : candidate.position >= inputs.changedAtLsn;
}

function setStandbys(value: string | null): Decision {
  return {
    kind: "set_synchronous_standbys",
    reason: "synchronous_standbys_changed",
    value,
  };
}

function writeSync(
  inputs: Pick<SyncInputs, "self">,
  standbys: readonly MemberName[],
  reason: "synchronous_standbys_changed" | "synchronous_enabled",
): Decision {
  return {
    kind: "write_sync",
    reason,
    leader: inputs.self,
    standbys,
    quorum: 0,
  };
}

function areEqual(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
