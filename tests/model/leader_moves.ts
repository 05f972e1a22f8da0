/** The agent of a member that believes to lead. */
import { parseStandbys } from "../../lib/core/calc/sync/standby_names.ts";
import { planBeforePromotion } from "../../lib/core/calc/sync/sync_standbys.ts";
import { DEFAULT_SETTINGS } from "../../lib/core/model/settings.ts";
import { decodeClusterView } from "../../lib/core/codec/cluster_view_codec.ts";
import { formatNames } from "./names_text.ts";
import { indexesOf, lengthOf, stepDown, type Turn } from "./moves.ts";
import { areNamesSafe, maskOf, nameOf, namesOf, viewOf } from "./protocol.ts";
import { NOBODY, UNKNOWN } from "./state.ts";

const EMPTY = decodeClusterView({ entries: [] });

/** Renews, promotes, resolves, vetoes. */
export function leaderMoves(turn: Turn): void {
  const { state, at, self, protocol, emit } = turn;
  const isMine = state.holder === at && state.term === self.leads;
  const isBlind = protocol.is("renewal_by_keep_alive");
  if (!isMine && !isBlind) {
    emit("renewal refused: steps down", (next, mine) => {
      stepDown(next, at);
      mine.follows = next.holder;
      mine.followsIn = next.term;
    });
  }
  if (isMine && self.isPrimary === 0) promotion(turn);
  if (self.isPrimary === 0 || !(isMine || isBlind)) return;
  resolver(turn);
  if (isMine && state.vetoes > 0) veto(turn);
}

function promotion(turn: Turn): void {
  const { state, at, self, world, emit } = turn;
  const plan = planBeforePromotion({
    self: nameOf(at) ?? "",
    settings: { ...DEFAULT_SETTINGS, synchronousMode: world.mode },
    view: { ...EMPTY, ...viewOf(state) },
    synchronousStandbyNames: formatNames(self.names, namesOf(self.nameMask)),
    areStandbysManaged: true,
    areNamesInForce: areInForce(turn),
  });
  if (plan === null) {
    if (self.source !== NOBODY) return;
    return emit("PROMOTED", (_, mine) => {
      mine.isPrimary = 1;
      mine.timeline = mine.leads;
      mine.fork = mine.since = lengthOf(mine);
      mine.follows = NOBODY;
      mine.record = mine.wish = mine.target = 0;
    });
  }
  if (plan.kind === "set_synchronous_standbys") {
    const { numsync, names } = parseStandbys(plan.value ?? "");
    emit("names before promotion", (_, mine) => {
      mine.names = numsync;
      mine.nameMask = maskOf(names);
    });
  }
  if (plan.kind === "write_sync") {
    writeKey(turn, maskOf(plan.standbys), plan.quorum);
  }
}

function areInForce({ self, protocol }: Turn): boolean {
  return protocol.is("shown_names_believed") ||
    (self.names === self.forceNames && self.nameMask === self.forceMask);
}

/** Every write and every change of names that the rules of the key allow. */
function resolver(turn: Turn): void {
  const { state, at, self, world, protocol } = turn;
  const full = 7 & ~(1 << at);
  writeKey(turn, 0, 0);
  const isOwn = state.keyLeader === at || protocol.is("renewal_by_keep_alive");
  if (!isOwn) return;
  if (state.keyVoters === 0) setNames(turn, 0, 0);
  for (const each of indexesOf(full)) {
    if (self.nameMask === 1 << each) writeKey(turn, 1 << each, 0);
    setNames(turn, 1, 1 << each);
  }
  if (world.mode === "on") return;
  setNames(turn, 1, full);
  writeKey(turn, full, 1);
}

function writeKey(turn: Turn, voters: number, quorum: number): void {
  const { state, at, self, protocol, emit } = turn;
  const isSame = voters === state.keyVoters && quorum === state.keyQuorum &&
    state.keyLeader === at;
  if (isSame || self.keyOn === 1 || state.keyWrites === 0) return;
  const next = { voters: namesOf(voters), quorum };
  if (!protocol.isHonest(state, next, confirmedOf(turn))) return;
  emit(`key ${quorum} of (${next.voters}) sent`, (after, mine) => {
    after.keyWrites--;
    mine.keyOn = 1;
    mine.keyGuard = state.keyRevision;
    mine.keyVoters = voters;
    mine.keyQuorum = quorum;
    mine.keyTerm = self.leads;
  });
}

/** Listed replicas that have what was written when the names were in force. */
function confirmedOf(turn: Turn): number {
  const { state, at, self } = turn;
  if (!areInForce(turn)) return 0;
  return indexesOf(self.nameMask).filter((each) =>
    (state.known[at]?.[each] ?? 0) >= self.since
  ).reduce((mask, each) => mask | 1 << each, 0);
}

function setNames(turn: Turn, numsync: number, mask: number): void {
  const { state, at, self, emit } = turn;
  const isSame = numsync === self.names && mask === self.nameMask;
  if (isSame || self.keyOn === 1 || state.nameChanges === 0) return;
  if (!areNamesSafe(state, at, { numsync, mask })) return;
  emit(`names ANY ${numsync} (${namesOf(mask)})`, (next, mine) => {
    next.nameChanges--;
    mine.names = numsync;
    mine.nameMask = mask;
    mine.since = lengthOf(mine);
  });
}

function veto({ state, at, protocol, emit }: Turn): void {
  for (const each of protocol.vetoes(state, at)) {
    emit("veto", (next) => {
      const entry = next.entries[each];
      if (entry === undefined) return;
      entry.term = entry.at = 0;
      entry.revision++;
      next.vetoes--;
    });
  }
}

/** What a restarted agent forgets. */
export function forget(member: Turn["self"]): void {
  member.guard = UNKNOWN;
  member.leads = member.wish = 0;
}
