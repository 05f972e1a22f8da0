/** Requests that reach the store, in any order, late, twice or never. */
import { countOf, type Turn } from "./moves.ts";
import type { MemberState, State } from "./state.ts";

/** Whoever sent them may be down by now. */
export function messageMoves(turn: Turn): void {
  keyWrite(turn);
  pledge(turn);
  none(turn);
  take(turn);
  reply(turn);
}

function keyWrite({ state, self, protocol, world, emit }: Turn): void {
  if (self.keyOn === 0) return;
  const isOwnTerm = protocol.is("sync_key_after_the_term") ||
    (state.holder !== 3 && state.term === self.keyTerm);
  const holds = state.keyRevision === self.keyGuard && isOwnTerm;
  emit(holds ? "key write lands" : "key write refused", (next, mine) => {
    if (holds) {
      next.keyLeader = next.members.indexOf(mine);
      next.keyVoters = mine.keyVoters;
      next.keyQuorum = mine.keyQuorum;
      next.keyRevision++;
    }
    endKeyWrite(mine);
  });
  if (world.areLost) emit("key write lost", (_, mine) => endKeyWrite(mine));
}

function endKeyWrite(mine: MemberState): void {
  mine.keyOn = mine.keyGuard = mine.keyVoters = 0;
  mine.keyQuorum = mine.keyTerm = 0;
}

function pledge({ state, at, self, protocol, world, emit }: Turn): void {
  if (self.pledgeOn === 0) return;
  const entry = state.entries[at];
  const holds = entry?.revision === self.pledgeGuard ||
    protocol.is("entry_without_guard") ||
    (protocol.is("entry_deleted") && entry?.term === 0);
  const land = (next: State, mine: MemberState): void => {
    const now = next.entries[at];
    if (now === undefined || !holds) return;
    now.term = mine.pledgeTerm;
    now.at = mine.pledgeAt;
    now.revision++;
  };
  emit(holds ? "pledge lands" : "pledge refused", (next, mine) => {
    land(next, mine);
    endPledge(mine);
  });
  if (holds && world.areRepeated && self.pledgeOn === 1) {
    emit("pledge lands, a copy stays under way", (next, mine) => {
      land(next, mine);
      mine.pledgeOn = 2;
    });
  }
  if (world.areLost) emit("pledge lost", (_, mine) => endPledge(mine));
}

function endPledge(mine: MemberState): void {
  mine.pledgeOn =
    mine.pledgeTerm =
    mine.pledgeAt =
    mine.pledgeGuard =
      0;
}

function none({ state, at, self, world, emit }: Turn): void {
  if (self.noneOn === 0) return;
  const holds = state.entries[at]?.revision === self.noneGuard;
  const end = (mine: MemberState): void => {
    mine.noneOn = mine.noneGuard = 0;
  };
  emit(holds ? "none lands" : "none refused", (next, mine) => {
    const entry = next.entries[at];
    if (holds && entry !== undefined) {
      entry.term = entry.at = 0;
      entry.revision++;
    }
    end(mine);
  });
  if (world.areLost) emit("none lost", (_, mine) => end(mine));
}

function take({ state, at, self, protocol, world, emit }: Turn): void {
  if (self.takeOn === 0) return;
  const areEntries = protocol.is("take_without_entry_revisions") ||
    [0, 1, 2].every((each) =>
      (self.takeMask >> each & 1) === 0 ||
      state.entries[each]?.revision === self.takeRevisions[each]
    );
  const isKey = protocol.is("take_without_sync_revision") ||
    state.keyRevision === self.takeSync;
  const holds = state.holder !== 3 && state.term === self.takeTerm &&
    areEntries && isKey;
  emit(holds ? "TAKE" : "take refused", (next, mine) => {
    if (holds) taken(next, at);
    endTake(mine);
  });
  if (world.areLost) emit("take lost", (_, mine) => endTake(mine));
}

function taken(next: State, at: number): void {
  const mine = next.members[at];
  if (mine === undefined) return;
  next.holder = at;
  next.term++;
  next.keyLeader = at;
  next.keyVoters = mine.takeVoters;
  next.keyQuorum = mine.takeQuorum;
  next.keyRevision++;
}

function endTake(mine: MemberState): void {
  mine.takeOn =
    mine.takeTerm =
    mine.takeSync =
    mine.takeMask =
      0;
  mine.takeVoters = mine.takeQuorum = 0;
  mine.takeRevisions = [0, 0, 0];
}

/** What a standby has flushed arrives at its leader; late replies may still do so. */
function reply({ state, at, emit }: Turn): void {
  for (const leader of [0, 1, 2]) {
    const flushed = state.replied[leader]?.[at] ?? 0;
    const isUp = state.members[leader]?.isUp === 1;
    if (leader === at || !isUp || flushed <= (state.known[leader]?.[at] ?? 0)) {
      continue;
    }
    emit("reply arrives", (next) => {
      const known = next.known[leader];
      if (known !== undefined) known[at] = flushed;
    });
  }
}

/** Whether that much is acknowledged by the names in force. */
export function isAcknowledged(
  { state, at, self }: Turn,
  upTo: number,
): boolean {
  const having = [0, 1, 2].reduce(
    (mask, each) =>
      (self.forceMask >> each & 1) === 1 &&
        (state.known[at]?.[each] ?? 0) >= upTo
        ? mask | 1 << each
        : mask,
    0,
  );
  return self.forceNames === 0 || countOf(having) >= self.forceNames;
}
