/**
 * Quorum commit: brings the sync key (who votes, how many votes a candidate
 * needs) and synchronous_standby_names (who acknowledges, how many must) to the
 * wanted state, one safe transition at a time.
 *
 * Think of two committees. The acknowledging one surely holds each commit on
 * `numsync` of its members; the voting one lets a candidate win only with
 * `quorum` votes besides its own. A commit can only be lost if a winning vote
 * can miss all who acknowledged, so at every moment, also between two steps:
 * with voters, members of both committees (leaders included) number at most
 * `quorum + numsync + 1`, and one committee contains the other.
 *
 * Source: docs/contract/ha.md 11.5.
 */
import type { MemberName } from "../../model/member.ts";

type Names = readonly MemberName[];

/** Both committees as they are, and what is wanted. Names are in no order. */
export interface QuorumInputs {
  readonly self: MemberName;
  /** From the sync key. */
  readonly leader: MemberName | null;
  readonly quorum: number;
  readonly voters: Names;
  /** From synchronous_standby_names; no names for `*`. */
  readonly numsync: number;
  readonly names: Names;
  /** How many listed replicas surely acknowledge by now. */
  readonly confirmed: number;
  /** Replicas that stream and may be listed. */
  readonly active: Names;
  /** `synchronous_node_count`. */
  readonly wanted: number;
}

/** One change; the next is planned from the state after it. */
export type QuorumTransition =
  | {
    readonly kind: "quorum";
    readonly leader: MemberName;
    readonly quorum: number;
    readonly voters: Names;
  }
  | { readonly kind: "sync"; readonly numsync: number; readonly names: Names };

/** The rest of the way; empty when nothing is left to do now. Neighbours of one kind are one change. */
export function planQuorum(inputs: QuorumInputs): readonly QuorumTransition[] {
  const plan = new Plan(inputs);
  plan.make();
  return collapsed(plan.transitions);
}

/** True if a commit that was acknowledged cannot be missed by a winning vote. */
export function isQuorumSafe(
  state: Pick<
    QuorumInputs,
    "self" | "leader" | "quorum" | "voters" | "numsync" | "names"
  >,
): boolean {
  if (state.voters.length === 0) return true;
  const voting = withLeader(state.voters, state.leader);
  const acknowledging = withLeader(state.names, state.self);
  const all = voting.union(acknowledging);
  return all.size <= state.quorum + state.numsync + 1 &&
    (voting.isSubsetOf(acknowledging) || acknowledging.isSubsetOf(voting));
}

function withLeader(names: Names, leader: MemberName | null): Set<MemberName> {
  return new Set(leader === null ? names : [...names, leader]);
}

type Growth = "none" | "unconfirmed";

/** Plans by playing the changes on its own copy of the state. */
class Plan {
  readonly transitions: QuorumTransition[] = [];
  readonly #inputs: QuorumInputs;
  readonly #active: ReadonlySet<MemberName>;
  #voters: ReadonlySet<MemberName>;
  #quorum: number;
  #names: ReadonlySet<MemberName>;
  #numsync: number;
  #confirmed: number;

  constructor(inputs: QuorumInputs) {
    this.#inputs = inputs;
    this.#active = new Set(inputs.active);
    this.#voters = new Set(inputs.voters);
    this.#quorum = inputs.quorum;
    this.#names = new Set(inputs.names);
    this.#numsync = Math.min(inputs.numsync, inputs.names.length);
    this.#confirmed = inputs.confirmed;
  }

  make(): void {
    const { leader, self } = this.#inputs;
    if (!this.#isSafe()) {
      return this.#vote(this.#names.size - this.#numsync, this.#names, "none");
    }
    if (leader !== self && !this.#takeOver()) return;
    this.#assumeConfirmed();
    if (this.#isProper(this.#names, this.#voters)) this.#growNames();
    if (this.#isProper(this.#voters, this.#names)) this.#growVoters();
    this.#settleNumbers();
    this.#dropGone();
    this.#addNew();
    this.#changeNumsync();
  }

  /** A new leader is in the old one's place; false if it must wait for replicas first. */
  #takeOver(): boolean {
    const { leader, self } = this.#inputs;
    const voters = new Set(this.#voters);
    voters.delete(self);
    if (leader !== null) voters.add(leader);
    if (this.#names.size === 0) {
      this.#acknowledge(voters.size - this.#quorum, voters);
    }
    this.#voters = voters;
    this.transitions.push({
      kind: "quorum",
      leader: self,
      quorum: this.#quorum,
      voters: sorted(voters),
    });
    return this.#activeNames().size > 0;
  }

  /** Right after a start nothing is confirmed, although the old set still holds. */
  #assumeConfirmed(): void {
    const active = this.#activeNames();
    if (this.#confirmed > 0 || active.size === 0) return;
    this.#confirmed = Math.max(
      0,
      Math.min(active.size, this.#voters.size - this.#quorum),
    );
  }

  /** Fewer acknowledge than vote: an addition or a removal was cut short. */
  #growNames(): void {
    const known = this.#names.union(this.#active);
    const voters = this.#voters.intersection(known);
    const growth = this.#names.isSubsetOf(this.#active)
      ? "unconfirmed"
      : "none";
    this.#vote(voters.size - this.#numsync, voters, growth);
    const added = voters.intersection(this.#active);
    this.#acknowledge(this.#numsync, this.#names.union(added));
  }

  /** More acknowledge than vote. */
  #growVoters(): void {
    const kept = this.#names.intersection(this.#active.union(this.#voters));
    this.#acknowledge(this.#numsync, kept);
    const voters = this.#voters.union(this.#activeNames());
    if (voters.size === this.#names.size) {
      this.#vote(voters.size - this.#numsync, voters, "unconfirmed");
    }
  }

  /** Both sets are equal; only the numbers can be in between. */
  #settleNumbers(): void {
    if (!this.#areEqual()) return;
    const size = this.#voters.size;
    const { wanted } = this.#inputs;
    const sure = this.#quorum + Math.min(this.#numsync, this.#confirmed);
    if (sure > size && this.#numsync > wanted) {
      const numsync = Math.max(wanted, size - this.#quorum);
      this.#acknowledge(numsync, this.#names);
    } else if (this.#quorum + this.#numsync > size) {
      this.#vote(size - this.#numsync, this.#voters, "unconfirmed");
    }
  }

  /** Replicas that went away leave the names first as far as the quorum allows it, else the voters first. */
  #dropGone(): void {
    const gone = this.#names.difference(this.#active);
    if (!this.#areEqual() || gone.size === 0) return;
    if (this.#activeNames().size === 0) {
      this.#vote(0, new Set(), "none");
      return this.#acknowledge(0, new Set());
    }
    const free = sorted(gone).reverse().slice(0, this.#quorum);
    const { wanted } = this.#inputs;
    if (free.length > 0) {
      const names = this.#names.difference(new Set(free));
      const numsync = Math.min(Math.max(this.#numsync, wanted), names.size);
      this.#acknowledge(Math.min(this.#numsync, numsync), names);
      const growth = free.length === gone.size ? "unconfirmed" : "none";
      this.#vote(names.size - this.#numsync, names, growth);
    }
    const rest = this.#names.difference(this.#active);
    if (rest.size === 0) return;
    const names = this.#names.difference(rest);
    const numsync = Math.min(this.#numsync, names.size);
    this.#vote(Math.max(0, names.size - numsync), names, "none");
    this.#acknowledge(numsync, names);
  }

  /** New replicas: those that the number of acknowledgements needs come into the names first, the others into the voters. */
  #addNew(): void {
    if (!this.#names.isSubsetOf(this.#active)) return;
    const added = sorted(this.#active.difference(this.#names));
    if (added.length === 0 || !this.#areEqual()) return;
    const size = this.#names.size + added.length;
    const target = Math.min(this.#inputs.wanted, size);
    const first = this.#names.size === 0
      ? added
      : added.slice(0, Math.max(0, target - this.#numsync));
    if (first.length > 0) {
      const names = this.#names.union(new Set(first));
      const grown = this.#numsync + first.length;
      this.#acknowledge(Math.min(target, grown), names);
      this.#vote(names.size - this.#numsync, names, "unconfirmed");
      if (!this.#areEqual()) return;
    }
    const voters = this.#voters.union(new Set(added));
    this.#vote(voters.size - this.#numsync, voters, "unconfirmed");
    this.#acknowledge(this.#numsync, voters);
  }

  #changeNumsync(): void {
    if (!this.#areEqual()) return;
    const size = this.#names.size;
    const target = Math.min(this.#inputs.wanted, size);
    if (this.#numsync < target) {
      this.#acknowledge(target, this.#names);
      this.#vote(size - this.#numsync, this.#voters, "unconfirmed");
    } else if (this.#numsync > target) {
      const isUnconfirmed = this.#inputs.wanted > this.#confirmed;
      const growth = isUnconfirmed ? "unconfirmed" : "none";
      this.#vote(size - target, this.#voters, growth);
      this.#acknowledge(target, this.#names);
    }
  }

  /**
   * A change of the sync key, if it is one.
   *
   * @param growth "unconfirmed": where listed replicas are not confirmed yet, ask for
   * that many votes more, so that a vote surely meets one that is.
   */
  #vote(
    quorum: number,
    voters: ReadonlySet<MemberName>,
    growth: Growth,
  ): void {
    const isUnproven = this.#confirmed === 0 && this.#voters.size === 0;
    const missing = growth === "unconfirmed"
      ? Math.max(0, this.#numsync - this.#confirmed)
      : 0;
    const next = isUnproven ? new Set<MemberName>() : new Set(voters);
    const votes = isUnproven ? 0 : Math.max(0, quorum) + missing;
    const isSame = votes === this.#quorum &&
      next.symmetricDifference(this.#voters).size === 0;
    if (isSame) return;
    this.#voters = next;
    this.#quorum = votes;
    const { self } = this.#inputs;
    this.transitions.push({
      kind: "quorum",
      leader: self,
      quorum: votes,
      voters: sorted(next),
    });
  }

  /** A change of synchronous_standby_names, if it is one. */
  #acknowledge(numsync: number, names: ReadonlySet<MemberName>): void {
    const count = Math.max(0, Math.min(numsync, names.size));
    const isSame = count === this.#numsync &&
      names.symmetricDifference(this.#names).size === 0;
    if (isSame) return;
    this.#names = new Set(names);
    this.#numsync = count;
    this.#confirmed = Math.min(this.#confirmed, count);
    this.transitions.push({
      kind: "sync",
      numsync: count,
      names: sorted(names),
    });
  }

  #activeNames(): Set<MemberName> {
    return this.#names.intersection(this.#active);
  }

  #areEqual(): boolean {
    return this.#voters.symmetricDifference(this.#names).size === 0;
  }

  #isProper(
    part: ReadonlySet<MemberName>,
    whole: ReadonlySet<MemberName>,
  ): boolean {
    return part.size < whole.size && part.isSubsetOf(whole);
  }

  #isSafe(): boolean {
    const { self, leader } = this.#inputs;
    return isQuorumSafe({
      self,
      leader,
      quorum: this.#quorum,
      voters: [...this.#voters],
      numsync: this.#numsync,
      names: [...this.#names],
    });
  }
}

function sorted(names: ReadonlySet<MemberName>): MemberName[] {
  return [...names].sort();
}

function collapsed(
  transitions: readonly QuorumTransition[],
): readonly QuorumTransition[] {
  return transitions.filter((transition, index) =>
    transitions[index + 1]?.kind !== transition.kind
  );
}
