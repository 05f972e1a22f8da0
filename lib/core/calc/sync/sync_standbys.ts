/**
 * Synchronous replication in mode `on`: which replicas commits should wait for,
 * and the next single change that brings the sync key and PostgreSQL there.
 *
 * The invariant: a name stands in the sync key only while PostgreSQL waits for
 * it. So names are added to PostgreSQL first and removed from the key first; each
 * change is one decision, and an agent that dies between two leaves a safe state.
 *
 * Source: docs/contract/ha.md 11.2 and 11.3.
 */
import type { Decision } from "../../model/decision.ts";
import type { MemberName } from "../../model/member.ts";
import { formatStandbys } from "./standby_names.ts";
import { isHonestWrite } from "./honest_key.ts";
import { lastKnownNames } from "./strict_standbys.ts";
import {
  isConfirmed,
  isListed,
  sortedCandidates,
  type SyncCandidate,
  type SyncInputs,
} from "./sync_candidates.ts";
import { deleteSync, setStandbys, writeSync } from "./sync_writes.ts";
import { planQuorumBeforePromotion, planQuorumCommit } from "./sync_quorum.ts";

/** The next change, or null if nothing is left to do. */
export function planSynchronous(inputs: SyncInputs): Decision | null {
  const { settings, view, postgres } = inputs;
  if (settings.synchronousMode === "off" || settings.isStandbyCluster) {
    return planDisabled(inputs);
  }
  if (settings.synchronousMode === "quorum") return planQuorumCommit(inputs);
  if (view.sync.leader !== inputs.self) {
    return writeNames(inputs, [], "synchronous_enabled");
  }
  const candidates = sortedCandidates(inputs);
  const active = candidates.slice(0, settings.synchronousNodeCount);
  const voters = [...view.sync.standbys].sort();
  const kept = active.length > 0 ? [] : lastKnownNames({
    ...inputs,
    standbyNames: postgres.synchronousStandbyNames,
  });
  const activeNames = [...active.map((c) => c.member.name), ...kept].sort();
  const next = nextVoters(inputs, active, kept);
  const safe = voters.filter((name) => next.includes(name));
  // A key of quorum mode says less of each voter.
  const isSame = (names: readonly MemberName[]) =>
    areEqual(names, voters) && view.sync.quorum === 0;
  const wanted = formatStandbys(activeNames, settings.isSynchronousModeStrict);
  if (postgres.synchronousStandbyNames !== wanted) {
    // A new revision of the key stops an older write that is still on its way:
    // it could list a name just when PostgreSQL no longer waits for it.
    return isSame(safe) && !inputs.isWriteUncertain
      ? setStandbys(view, wanted, "synchronous_standbys_changed")
      : writeNames(inputs, safe, "synchronous_standbys_changed");
  }
  if (isSame(next)) return null;
  const isHonest = isHonestWrite(
    { ...view.sync, voters },
    { quorum: 0, voters: next },
    active.filter((c) => isConfirmed(inputs, c)).map((c) => c.member.name),
  );
  if (isHonest) return writeNames(inputs, next, "synchronous_standbys_changed");
  return isSame(safe)
    ? null
    : writeNames(inputs, safe, "synchronous_standbys_changed");
}

/**
 * Who may stand in the key: the confirmed; and of those in it already whom
 * PostgreSQL still lists, or whom strict mode waits for since all have left:
 * nothing was acknowledged without them.
 */
function nextVoters(
  inputs: SyncInputs,
  active: readonly SyncCandidate[],
  kept: readonly MemberName[],
): readonly MemberName[] {
  const { standbys, quorum } = inputs.view.sync;
  const confirmed = active.filter((c) => isConfirmed(inputs, c));
  const listed = active.filter((c) => isListed(inputs, c));
  const known = [...listed.map((c) => c.member.name), ...kept]
    .filter((name) => quorum === 0 && standbys.includes(name));
  const names = new Set([...confirmed.map((c) => c.member.name), ...known]);
  return [...names].sort();
}

/** True while listed replicas have not yet proved that commits wait for them. */
export function isConfirmationPending(inputs: SyncInputs): boolean {
  const { synchronousMode, synchronousNodeCount } = inputs.settings;
  if (synchronousMode === "off") return false;
  const candidates = sortedCandidates(inputs);
  const active = synchronousMode === "on"
    ? candidates.slice(0, synchronousNodeCount)
    : candidates;
  return active.some((candidate) => !isConfirmed(inputs, candidate));
}

/**
 * Before a promotion, with the lease held: the sync key forgets the replicas of
 * the old leader, then PostgreSQL starts without waiting. In strict mode it
 * starts waiting for the old leader and its replicas, which the key still names,
 * so PostgreSQL's names come first.
 *
 * Source: docs/contract/ha.md 11.4.
 */
export function planBeforePromotion(
  inputs: Pick<SyncInputs, "self" | "settings" | "view"> & {
    readonly synchronousStandbyNames: string;
    readonly areStandbysManaged: boolean;
    readonly areNamesInForce: boolean;
  },
): Decision | null {
  const { settings, view, self } = inputs;
  if (settings.synchronousMode === "off" || settings.isStandbyCluster) {
    if (view.sync.revision !== null && view.sync.leader !== null) {
      return deleteSync(view);
    }
    return inputs.areStandbysManaged
      ? setStandbys(view, null, "before_promotion")
      : null;
  }
  if (settings.synchronousMode === "quorum") {
    return planQuorumBeforePromotion(inputs);
  }
  const standbyNames = inputs.synchronousStandbyNames;
  const names = lastKnownNames({ ...inputs, standbyNames });
  const isStrict = settings.isSynchronousModeStrict;
  const value = formatStandbys(names, isStrict);
  const isKeyEmpty = view.sync.leader === self &&
    view.sync.standbys.length === 0;
  if (!isKeyEmpty && !(isStrict && standbyNames !== value)) {
    return writeNames(inputs, [], "synchronous_enabled");
  }
  return standbyNames === value
    ? null
    : setStandbys(view, value, "before_promotion");
}

function planDisabled(inputs: SyncInputs): Decision | null {
  const { view, postgres } = inputs;
  if (view.sync.revision !== null && view.sync.leader !== null) {
    return deleteSync(view);
  }
  return postgres.areStandbysManaged
    ? setStandbys(view, null, "synchronous_standbys_changed")
    : null;
}

function writeNames(
  { self, view }: Pick<SyncInputs, "self" | "view">,
  standbys: readonly MemberName[],
  reason: "synchronous_standbys_changed" | "synchronous_enabled",
): Decision {
  return writeSync(view, { leader: self, standbys, quorum: 0 }, reason);
}

function areEqual(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
