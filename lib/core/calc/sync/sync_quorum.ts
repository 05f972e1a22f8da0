/**
 * Synchronous replication in mode `quorum`: the first step of the quorum plan as
 * a decision, and what a new leader sets before its promotion.
 *
 * Source: docs/contract/ha.md 11.2, 11.4 and 11.5.
 */
import type { Decision } from "../../model/decision.ts";
import { nextQuorumStep } from "./quorum_step.ts";
import { setStandbys, writeSync } from "./sync_writes.ts";
import { formatQuorum, parseStandbys } from "./standby_names.ts";
import { lastKnownNames } from "./strict_standbys.ts";
import {
  isConfirmed,
  sortedCandidates,
  type SyncInputs,
} from "./sync_candidates.ts";

/** The next change, or null if nothing is left to do. */
export function planQuorumCommit(inputs: SyncInputs): Decision | null {
  const { settings, view, postgres, self } = inputs;
  const active = activeCandidates(inputs);
  const step = nextQuorumStep({
    self,
    leader: view.sync.leader,
    quorum: view.sync.quorum,
    voters: view.sync.standbys,
    ...parseStandbys(postgres.synchronousStandbyNames),
    confirmed: active.filter((c) => isConfirmed(inputs, c))
      .map((c) => c.member.name),
    active: active.length > 0
      ? active.map((c) => c.member.name)
      : lastKnownNames({
        ...inputs,
        standbyNames: postgres.synchronousStandbyNames,
      }),
    wanted: settings.synchronousNodeCount,
  });
  const isStrict = settings.isSynchronousModeStrict;
  if (step?.kind === "quorum") {
    const { leader, voters: standbys, quorum } = step;
    return writeSync(
      view,
      { leader, standbys, quorum },
      view.sync.leader === self
        ? "synchronous_standbys_changed"
        : "synchronous_enabled",
    );
  }
  if (step !== null && inputs.isWriteUncertain) {
    // A new revision of the key stops an older write that is still on its way.
    return writeAgain(inputs);
  }
  const target = step ?? parseStandbys(postgres.synchronousStandbyNames);
  const value = formatQuorum(target.numsync, target.names, isStrict);
  return value === postgres.synchronousStandbyNames
    ? null
    : setStandbys(view, value, "synchronous_standbys_changed");
}

function writeAgain(inputs: SyncInputs): Decision {
  const { leader, standbys, quorum } = inputs.view.sync;
  return writeSync(
    inputs.view,
    { leader: leader ?? inputs.self, standbys, quorum },
    "synchronous_standbys_changed",
  );
}

/** All candidates, except nofailover ones once the wanted number is filled. */
function activeCandidates(inputs: SyncInputs) {
  return sortedCandidates(inputs).filter((candidate, index) =>
    !candidate.member.tags.isNofailover ||
    index < inputs.settings.synchronousNodeCount
  );
}

/**
 * Before a promotion the key stays as it is; PostgreSQL is made to wait for as
 * many of the key's other members as keeps every vote honest. Commits could come
 * before that is in force: then nobody votes until replicas are confirmed.
 */
export function planQuorumBeforePromotion(
  inputs: Pick<SyncInputs, "self" | "settings" | "view"> & {
    readonly synchronousStandbyNames: string;
    readonly areNamesInForce: boolean;
  },
): Decision | null {
  const { view, self, settings } = inputs;
  const { leader, standbys, quorum } = view.sync;
  const members = [...new Set(leader === null ? [] : [leader, ...standbys])];
  const keyed = members.filter((name) => name !== self);
  const isMember = keyed.length < members.length;
  const numsync = members.length - quorum - 1 + (isMember ? 0 : 1);
  const needed = Math.max(0, Math.min(numsync, keyed.length));
  const standbyNames = inputs.synchronousStandbyNames;
  const others = keyed.length > 0
    ? keyed
    : lastKnownNames({ ...inputs, standbyNames });
  const isStrict = settings.isSynchronousModeStrict;
  const value = formatQuorum(needed, others, isStrict);
  if (value !== standbyNames) {
    return setStandbys(view, value, "before_promotion");
  }
  return needed === 0 || inputs.areNamesInForce ? null : writeSync(
    view,
    { leader: self, standbys: [], quorum: 0 },
    "synchronous_enabled",
  );
}
