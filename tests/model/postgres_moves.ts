/** What PostgreSQL does by itself: commits, WAL, acknowledgements. */
import { isAcknowledged } from "./message_moves.ts";
import { lengthOf, type Turn } from "./moves.ts";
import { type MemberState, NOBODY, type State } from "./state.ts";

/** As a primary or as a standby. */
export function postgresMoves(turn: Turn): void {
  const { self, protocol, emit } = turn;
  const areShown = self.names !== self.forceNames ||
    self.nameMask !== self.forceMask;
  if (areShown) {
    emit("names come into force", (_, mine) => {
      mine.forceNames = mine.names;
      mine.forceMask = mine.nameMask;
      if (!protocol.is("shown_names_believed")) mine.since = lengthOf(mine);
    });
  }
  if (self.isPrimary === 1) return primaryMoves(turn);
  standbyMoves(turn);
}

function primaryMoves(turn: Turn): void {
  const { state, at, self, world, emit } = turn;
  const { timeline, x, y } = self;
  if (timeline === 1 && at === 0 && x < world.commits) {
    emit("commit x", (_, mine) => mine.x++);
  }
  if (timeline === 2 && y < 1) emit("commit y", (_, mine) => mine.y++);
  const isX = timeline === 1 && state.ackX < x;
  if (isX && isAcknowledged(turn, state.ackX + 1)) {
    emit("ACKNOWLEDGED x", (next) => next.ackX++);
  }
  if (timeline === 2 && state.ackY < y && isAcknowledged(turn, x + y)) {
    emit("ACKNOWLEDGED y", (next) => next.ackY++);
  }
}

function standbyMoves({ state, at, self, emit }: Turn): void {
  const { source, follows } = self;
  const wanted = state.members[follows];
  const canConnect = source === NOBODY && follows !== at &&
    wanted?.isUp === 1 && wanted.isPrimary === 1;
  if (canConnect) {
    emit("WAL receiver starts", (next, mine) => connect(next, mine, at));
  }
  if (source !== NOBODY && follows !== source) {
    emit("WAL receiver ends", (_, mine) => mine.source = NOBODY);
  }
  const leader = state.members[source];
  if (leader?.isPrimary !== 1 || lengthOf(self) >= lengthOf(leader)) return;
  emit("WAL flushed", (next, mine) => {
    const from = next.members[source];
    const replied = next.replied[source];
    if (from === undefined || replied === undefined) return;
    if (mine.x < from.x) mine.x++;
    else mine.y++;
    if (lengthOf(mine) >= from.fork) {
      mine.timeline = Math.max(mine.timeline, from.timeline);
    }
    replied[at] = lengthOf(mine);
  });
}

/** What the leader does not have is cut off first: a rewind. */
function connect(next: State, mine: MemberState, at: number): void {
  const leader = next.members[mine.follows];
  const replied = next.replied[mine.follows];
  const known = next.known[mine.follows];
  if (leader === undefined || !replied || !known) return;
  mine.y = mine.x === leader.x ? Math.min(mine.y, leader.y) : 0;
  mine.x = Math.min(mine.x, leader.x);
  if (mine.timeline > leader.timeline) mine.timeline = 1;
  if (lengthOf(mine) >= leader.fork) {
    mine.timeline = Math.max(mine.timeline, leader.timeline);
  }
  mine.source = mine.follows;
  mine.target = mine.record === 14 ? lengthOf(leader) + 1 : 0;
  replied[at] = lengthOf(mine);
  known[at] = Math.min(known[at] ?? 0, lengthOf(mine));
}
