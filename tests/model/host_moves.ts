/** What happens to hosts: they crash, come back, lose disks, and leases end. */
import { forget } from "./leader_moves.ts";
import { endStreams, follow, stepDown, type Turn } from "./moves.ts";
import { BEHIND, type MemberState, MISSING, NOBODY } from "./state.ts";
import type { State } from "./state.ts";

/** Of one member's host. */
export function hostMoves(turn: Turn): void {
  const { state, at, self } = turn;
  if (state.holder === at && state.expiries > 0) leaseEnds(turn);
  if (self.isUp === 0) return restart(turn);
  if (self.crashes > 0) crash(turn);
  const isIdle = self.isPrimary === 0 && self.leads === 0 &&
    state.holder !== at && (self.record === 0 || self.record === BEHIND);
  if (isIdle && self.refills > 0) refill(turn);
}

/** The lease's own layers have stopped PostgreSQL before that. */
function leaseEnds({ at, emit }: Turn): void {
  emit("LEASE ENDS", (next) => {
    next.expiries--;
    stepDown(next, at);
    next.holder = NOBODY;
    const mine = next.members[at];
    if (mine !== undefined) mine.follows = NOBODY;
  });
}

function crash({ at, self, protocol, emit }: Turn): void {
  const fall = (next: State, mine: MemberState): void => {
    mine.crashes--;
    mine.isUp = 0;
    mine.source = NOBODY;
    mine.target = 0;
    mine.forceNames = mine.names;
    mine.forceMask = mine.nameMask;
    mine.since = mine.x + mine.y;
    forget(mine);
    endStreams(next, at);
    if (protocol.is("record_not_stable")) mine.record = 0;
  };
  emit("crashes", fall);
  if (self.record === 0 || self.refills === 0) return;
  emit("crashes, its record is lost", (next, mine) => {
    fall(next, mine);
    mine.record = MISSING;
  });
}

function restart({ state, at, emit }: Turn): void {
  emit("comes back", (next, mine) => {
    mine.isUp = 1;
    if (state.holder === at) {
      mine.leads = state.term;
      if (mine.isPrimary === 0) mine.record = 0;
      if (mine.isPrimary === 0) mine.follows = NOBODY;
      return;
    }
    stepDown(next, at);
    if (mine.record === 0 || mine.record === BEHIND) follow(next, mine);
    else mine.follows = NOBODY;
  });
}

/** Copied from any other member, or rewound to it, while it stands in the key. */
function refill({ state, at, emit }: Turn): void {
  state.members.forEach((other, each) => {
    if (each === at || other.isUp === 0) return;
    emit(`is filled from ${"abc"[each]}`, (next, mine) => {
      mine.refills--;
      mine.x = other.x;
      mine.y = other.y;
      mine.timeline = other.timeline;
      mine.source = NOBODY;
      mine.target = mine.wish = 0;
      mine.record = BEHIND;
      follow(next, mine);
    });
  });
}
