/**
 * The product's own functions as the model calls them: small numbers in, small
 * numbers out. What is wrong in a mutant is planted here, never in the product.
 */
import { lsn, revision } from "../../lib/core/base/units.ts";
import {
  isHonestWrite,
  type Vote,
} from "../../lib/core/calc/sync/honest_key.ts";
import { isQuorumSafe } from "../../lib/core/calc/sync/quorum_plan.ts";
import type { TakeoverView } from "../../lib/core/calc/takeover/count_pledges.ts";
import {
  type PledgeSight,
  type PledgeStep,
  pledgeStep,
} from "../../lib/core/calc/takeover/pledge_step.ts";
import { takeOf } from "../../lib/core/calc/takeover/take.ts";
import { vetoesOf } from "../../lib/core/calc/takeover/veto.ts";
import type { PledgeKey, PledgeRecord } from "../../lib/core/model/pledge.ts";
import type { Take } from "../../lib/core/model/takeover_decision.ts";
import type { SyncKey } from "../../lib/core/model/cluster_view.ts";
import {
  BEHIND,
  type EntryState,
  MISSING,
  NOBODY,
  type State,
  UNKNOWN,
} from "./state.ts";

/** Mistakes that the exploration must find; each is one of the design page's holes. */
export type Mutant =
  | "record_not_stable"
  | "record_lost_unseen"
  | "entry_before_receiver_ends"
  | "take_without_sync_revision"
  | "take_without_entry_revisions"
  | "sync_key_after_the_term"
  | "withdrawal_in_wrong_order"
  | "withdrawal_after_any_none"
  | "entry_without_guard"
  | "entry_deleted"
  | "renewal_by_keep_alive"
  | "candidate_not_highest"
  | "one_pledge_too_few"
  | "shown_names_believed"
  | "filled_voter_pledges";

const NAMES = ["a", "b", "c"] as const;

/** Member names of a mask. */
export function namesOf(mask: number): readonly string[] {
  return NAMES.filter((_, index) => (mask >> index & 1) === 1);
}

/** The mask of member names. */
export function maskOf(names: readonly string[]): number {
  return NAMES.reduce<number>(
    (mask, name, index) => names.includes(name) ? mask | 1 << index : mask,
    0,
  );
}

/** A member's name; null for nobody. */
export function nameOf(index: number): string | null {
  return NAMES[index] ?? null;
}

const REVISIONS = Array.from({ length: 256 }, (_, index) => revision(index));

/** A number as a revision. */
export function rev(index: number): ReturnType<typeof revision> {
  return REVISIONS[index] ?? revision(index);
}

/** The sync key. */
export function syncOf(state: State): SyncKey {
  return {
    leader: nameOf(state.keyLeader),
    quorum: state.keyQuorum,
    standbys: namesOf(state.keyVoters),
    revision: rev(state.keyRevision),
  };
}

function entryOf(entry: EntryState, index: number): PledgeKey | null {
  if (entry.revision === 0) return null;
  const { term, at } = entry;
  const place = { timeline: at >> 3, lsn: lsn(at & 7) };
  return {
    name: NAMES[index] ?? "",
    revision: rev(entry.revision),
    pledge: term === 0 ? null : { term: rev(term), ...place },
  };
}

/** The whole scope as a fresh read shows it. */
export function viewOf(state: State): TakeoverView {
  const name = nameOf(state.holder);
  const pledges = state.entries.map(entryOf).filter((key) => key !== null);
  return {
    leader: name === null
      ? null
      : { name, isHeld: false, revision: rev(state.term) },
    sync: syncOf(state),
    config: { document: {}, revision: rev(1) },
    pledges,
  };
}

/** The protocol, with the mistakes that are planted in it. */
export class Protocol {
  readonly #planted: readonly Mutant[];

  constructor(planted: readonly Mutant[]) {
    this.#planted = planted;
  }

  is(mutant: Mutant): boolean {
    return this.#planted.includes(mutant);
  }

  take(state: State, self: number): Take | null {
    const view = viewOf(state);
    const { sync } = view;
    const pledges = this.is("candidate_not_highest")
      ? view.pledges.map(levelled)
      : view.pledges;
    if (this.is("one_pledge_too_few")) {
      const quorum = sync.quorum - 1;
      return takeOf({ ...view, sync: { ...sync, quorum } }, NAMES[self] ?? "");
    }
    return takeOf({ ...view, pledges }, NAMES[self] ?? "");
  }

  vetoes(state: State, self: number): readonly number[] {
    return vetoesOf(viewOf(state), NAMES[self] ?? "")
      .map(({ name }) => NAMES.findIndex((each) => each === name));
  }

  isHonest(state: State, next: Vote, confirmed: number): boolean {
    const { keyLeader, keyQuorum: quorum, keyVoters } = state;
    const before = { leader: nameOf(keyLeader), quorum };
    return isHonestWrite(
      { ...before, voters: namesOf(keyVoters) },
      next,
      namesOf(confirmed),
    );
  }

  /** What the voter does next. */
  step(state: State, self: number): PledgeStep {
    const member = state.members[self];
    const entry = state.entries[self];
    if (member === undefined || entry === undefined) return { kind: "free" };
    const { record, source, follows, guard } = member;
    const isClosed = follows === NOBODY &&
      (source === NOBODY || this.is("entry_before_receiver_ends"));
    const at = member.x + member.y;
    const isOther = state.holder !== NOBODY && state.holder !== self;
    const isLoose = record === BEHIND && this.is("filled_voter_pledges");
    const sight: PledgeSight = {
      record: recordOf(record),
      wish: member.wish === 1 ? "pledge" : "follow",
      term: isOther ? rev(state.term) : null,
      entry: entryOf(entry, self),
      written: guard === UNKNOWN
        ? { kind: "unknown" }
        : { kind: "sent", guard: guard === 0 ? null : rev(guard) },
      source: isClosed ? "closed" : "open",
      position: isClosed ? { timeline: member.timeline, lsn: lsn(at) } : null,
      isCaughtUp: isLoose || (member.target > 0 && at >= member.target - 1),
    };
    return this.#mutated(sight);
  }

  #mutated(sight: PledgeSight): PledgeStep {
    const step = pledgeStep(sight);
    const isWithdrawn = step.kind === "write_entry" && step.pledge === null;
    if (!isWithdrawn) return step;
    const isDone = this.is("withdrawal_after_any_none")
      ? sight.entry === null || sight.entry.pledge === null
      : this.is("record_lost_unseen") && sight.record.kind === "missing";
    return isDone ? { kind: "write_record", record: { kind: "none" } } : step;
  }
}

function recordOf(record: number): PledgeRecord {
  if (record === MISSING) return { kind: "missing" };
  if (record === BEHIND) return { kind: "behind" };
  return record === 0
    ? { kind: "none" }
    : { kind: "pledged", term: rev(record) };
}

function levelled(key: PledgeKey): PledgeKey {
  return key.pledge === null
    ? key
    : { ...key, pledge: { ...key.pledge, timeline: 1, lsn: lsn(0) } };
}

/** Whether names may be set beside the sync key as it is. */
export function areNamesSafe(
  state: State,
  self: number,
  names: { readonly numsync: number; readonly mask: number },
): boolean {
  return isQuorumSafe({
    self: NAMES[self] ?? "",
    leader: nameOf(state.keyLeader),
    quorum: state.keyQuorum,
    voters: namesOf(state.keyVoters),
    numsync: names.numsync,
    names: namesOf(names.mask),
  });
}
