/** The agent of a member that does not lead: pledges, withdraws, takes over. */
import { follow, positionOf, type Turn } from "./moves.ts";
import { maskOf } from "./protocol.ts";
import { BEHIND, type MemberState, NOBODY, UNKNOWN } from "./state.ts";

/** One thing after the other, as the product's step says. */
export function voterMoves(turn: Turn): void {
  const { state, at, emit } = turn;
  if (state.holder === at) {
    return emit("learns that it holds the key", (next, mine) => {
      mine.leads = next.term;
      mine.record = mine.wish = 0;
      mine.follows = NOBODY;
    });
  }
  suspicion(turn);
  const step = turn.protocol.step(state, at);
  switch (step.kind) {
    case "write_record":
      return record(turn, step.record);
    case "close_source":
      return emit("source closed", (_, mine) => mine.follows = NOBODY);
    case "write_entry":
      return step.pledge === null ? none(turn) : pledge(turn);
    case "hold":
      return step.reason === "pledge_stands" ? take(turn) : undefined;
    case "free":
      return freely(turn);
  }
}

/** A wish comes and goes at any time; only voters have one. */
function suspicion({ state, at, self, world, emit }: Turn): void {
  const isVoter = (state.keyVoters >> at & 1) === 1;
  const canWish = self.record === 0 && self.wish === 0 && self.wishes > 0 &&
    isVoter && state.holder !== NOBODY && state.term < world.termMax &&
    self.followsIn === state.term;
  if (canWish) {
    emit("suspects", (_, mine) => {
      mine.wishes--;
      mine.wish = 1;
    });
  }
  if (self.wish === 1 && self.record !== 0 && self.withdrawals > 0) {
    emit("suspicion ends", (_, mine) => {
      mine.withdrawals--;
      mine.wish = 0;
    });
  }
}

type RecordStep = Extract<
  ReturnType<Turn["protocol"]["step"]>,
  { kind: "write_record" }
>["record"];

function record({ state, emit }: Turn, { kind }: RecordStep): void {
  emit(`record ${kind}`, (next, mine) => {
    mine.guard = UNKNOWN;
    if (kind === "pledged") {
      mine.record = state.term;
      return;
    }
    mine.record = kind === "behind" ? BEHIND : 0;
    if (kind === "none") mine.target = 0;
    follow(next, mine);
  });
}

function pledge({ state, at, self, emit }: Turn): void {
  if (self.pledgeOn !== 0) return;
  emit("pledge sent", (_, mine) => {
    mine.pledgeOn = 1;
    mine.pledgeTerm = mine.record;
    mine.pledgeAt = positionOf(mine);
    mine.pledgeGuard = mine.guard = state.entries[at]?.revision ?? 0;
  });
}

function none({ state, at, self, protocol, emit }: Turn): void {
  if (self.noneOn !== 0) return;
  const revision = state.entries[at]?.revision ?? 0;
  const isHasty = protocol.is("withdrawal_in_wrong_order");
  emit("none sent", (next, mine) => {
    mine.noneOn = 1;
    mine.noneGuard = mine.guard = revision;
    if (isHasty) stream(next, mine);
  });
}

function stream(next: Turn["state"], mine: MemberState): void {
  mine.record = 0;
  follow(next, mine);
}

function take({ state, at, self, protocol, emit }: Turn): void {
  if (self.takeOn !== 0) return;
  const take = protocol.take(state, at);
  if (take === null) return;
  const mask = maskOf(take.pledges.map(({ name }) => name));
  emit("take sent", (_, mine) => {
    mine.takeOn = 1;
    mine.takeTerm = state.term;
    mine.takeSync = state.keyRevision;
    mine.takeMask = mask;
    mine.takeVoters = maskOf(take.sync.standbys);
    mine.takeQuorum = take.sync.quorum;
    mine.takeRevisions = state.entries.map(({ revision }, each) =>
      (mask >> each & 1) === 1 ? revision : 0
    );
  });
}

/** Follows whoever leads; a bid where nobody does. */
function freely(turn: Turn): void {
  const { state, self, emit } = turn;
  if (state.holder === NOBODY) return bid(turn);
  if (self.follows === NOBODY || self.followsIn < state.term) {
    emit("follows the leader", (next, mine) => follow(next, mine));
  }
}

/** The race of today, in one step: the key's own members, with enough votes. */
function bid({ state, at, self, emit }: Turn): void {
  if (self.source !== NOBODY || self.isPrimary === 1) return;
  const keyed = state.keyVoters | 1 << state.keyLeader;
  const votes =
    state.members.filter((peer, each) =>
      each !== at && (keyed >> each & 1) === 1 && peer.isUp === 1 &&
      peer.isPrimary === 0 && positionOf(peer) <= positionOf(self)
    ).length;
  if ((keyed >> at & 1) === 0 || votes < state.keyQuorum) return;
  emit("BID WON", (next, mine) => {
    next.holder = at;
    next.term++;
    mine.leads = next.term;
    mine.follows = NOBODY;
  });
}
