/**
 * One moment of three members and their store, as small numbers. Member a (0)
 * leads at first. Sets of members are bit masks; 3 stands for "nobody".
 */

/** No member. */
export const NOBODY = 3;
/** A record that is gone with its disk. */
export const MISSING = 15;
/** Its data was filled, and it has not caught up since. */
export const BEHIND = 14;
/** Nothing is known of earlier writes. */
export const UNKNOWN = 255;

/** A member: its agent, its PostgreSQL, and what it has sent. */
export interface MemberState {
  isUp: number;
  isPrimary: number;
  /** Timelines are called like the term of their leader. */
  timeline: number;
  /** Commits of the first and of the second term that it has. */
  x: number;
  y: number;
  /** The member that WAL comes from. */
  source: number;
  /** The member that it is told to follow. */
  follows: number;
  /** The term for which it follows. */
  followsIn: number;
  /** 0: none; MISSING, BEHIND, or the pledged term. */
  record: number;
  wish: number;
  /** The revision that its last write of its entry replaces. */
  guard: number;
  /** The term in which it believes to lead; 0: it does not. */
  leads: number;
  /** Where its timeline begins. */
  fork: number;
  /** synchronous_standby_names as set: how many, of whom. */
  names: number;
  nameMask: number;
  /** The same as commits obey it. */
  forceNames: number;
  forceMask: number;
  /** Written when the names were in force. */
  since: number;
  /** A write of the sync key under way; 0: none. */
  keyOn: number;
  keyGuard: number;
  keyVoters: number;
  keyQuorum: number;
  keyTerm: number;
  /** Its pledge under way; 2: a repeated one. */
  pledgeOn: number;
  pledgeTerm: number;
  pledgeAt: number;
  pledgeGuard: number;
  /** Its "none" under way. */
  noneOn: number;
  noneGuard: number;
  /** Its take under way; the store's revisions as it counted them. */
  takeOn: number;
  takeTerm: number;
  takeSync: number;
  takeVoters: number;
  takeQuorum: number;
  takeMask: number;
  takeRevisions: number[];
  /** How much may still happen. */
  crashes: number;
  wishes: number;
  withdrawals: number;
  refills: number;
  /** What its leader had when it connected: 0 for none, else one more. */
  target: number;
}

/** An entry `pledges/<name>`: the pledged term or 0, the position, the revision. */
export interface EntryState {
  term: number;
  at: number;
  revision: number;
}

/** Everything. */
export interface State {
  /** Who holds the leader key, and its revision. */
  holder: number;
  term: number;
  keyLeader: number;
  keyVoters: number;
  keyQuorum: number;
  keyRevision: number;
  /** The highest commit of each term that was acknowledged. */
  ackX: number;
  ackY: number;
  vetoes: number;
  keyWrites: number;
  nameChanges: number;
  expiries: number;
  entries: EntryState[];
  /** By leader, then by standby: flushed and replied; arrived. */
  replied: number[][];
  known: number[][];
  members: MemberState[];
}

const TWICE_THREE = 9;

/** The width of a row in bytes, for a state of this shape. */
export function widthOf(state: State): number {
  return Math.ceil(numbersOf(state).length / 4) * 4;
}

function numbersOf(state: State): number[] {
  return JSON.stringify(state).match(/\d+/g)?.map(Number) ?? [];
}

/** Writes a state into bytes, in one fixed order. */
export function encode(state: State, bytes: Uint8Array): void {
  let at = 0;
  bytes[at++] = state.holder;
  bytes[at++] = state.term;
  bytes[at++] = state.keyLeader;
  bytes[at++] = state.keyVoters;
  bytes[at++] = state.keyQuorum;
  bytes[at++] = state.keyRevision;
  bytes[at++] = state.ackX;
  bytes[at++] = state.ackY;
  bytes[at++] = state.vetoes;
  bytes[at++] = state.keyWrites;
  bytes[at++] = state.nameChanges;
  bytes[at++] = state.expiries;
  for (const entry of state.entries) {
    bytes[at++] = entry.term;
    bytes[at++] = entry.at;
    bytes[at++] = entry.revision;
  }
  for (const row of state.replied) for (const n of row) bytes[at++] = n;
  for (const row of state.known) for (const n of row) bytes[at++] = n;
  for (const member of state.members) {
    for (const key of MEMBER_KEYS) bytes[at++] = member[key];
    for (const n of member.takeRevisions) bytes[at++] = n;
  }
}

/** The state in a row. */
export function decode(bytes: Uint8Array): State {
  const byte = (at: number): number => bytes[at] ?? 0;
  const three = (at: number): number[] => [...bytes.subarray(at, at + 3)];
  const entries = [12, 15, 18].map((at) => (
    { term: byte(at), at: byte(at + 1), revision: byte(at + 2) }
  ));
  const at = 21 + 2 * TWICE_THREE;
  const size = MEMBER_KEYS.length + 3;
  return {
    holder: byte(0),
    term: byte(1),
    keyLeader: byte(2),
    keyVoters: byte(3),
    keyQuorum: byte(4),
    keyRevision: byte(5),
    ackX: byte(6),
    ackY: byte(7),
    vetoes: byte(8),
    keyWrites: byte(9),
    nameChanges: byte(10),
    expiries: byte(11),
    entries,
    replied: [21, 24, 27].map(three),
    known: [30, 33, 36].map(three),
    members: [0, 1, 2].map((index) => memberFrom(bytes, at + index * size)),
  };
}

function memberFrom(bytes: Uint8Array, start: number): MemberState {
  const member = emptyMember();
  let at = start;
  for (const key of MEMBER_KEYS) member[key] = bytes[at++] ?? 0;
  member.takeRevisions = [...bytes.subarray(at, at + 3)];
  return member;
}

/** A member at rest. */
export function emptyMember(): MemberState {
  return {
    isUp: 1,
    isPrimary: 0,
    timeline: 1,
    x: 0,
    y: 0,
    source: NOBODY,
    follows: NOBODY,
    followsIn: 1,
    record: 0,
    wish: 0,
    guard: UNKNOWN,
    leads: 0,
    fork: 0,
    names: 0,
    nameMask: 0,
    forceNames: 0,
    forceMask: 0,
    since: 0,
    keyOn: 0,
    keyGuard: 0,
    keyVoters: 0,
    keyQuorum: 0,
    keyTerm: 0,
    pledgeOn: 0,
    pledgeTerm: 0,
    pledgeAt: 0,
    pledgeGuard: 0,
    noneOn: 0,
    noneGuard: 0,
    takeOn: 0,
    takeTerm: 0,
    takeSync: 0,
    takeVoters: 0,
    takeQuorum: 0,
    takeMask: 0,
    takeRevisions: [0, 0, 0],
    crashes: 0,
    wishes: 0,
    withdrawals: 0,
    refills: 0,
    target: 0,
  };
}

type MemberKey = Exclude<keyof MemberState, "takeRevisions">;
const MEMBER_KEYS = Object.keys(emptyMember()).filter((key) =>
  key !== "takeRevisions"
) as MemberKey[];

/** A copy that may be changed. */
export function copyOf(state: State): State {
  return {
    ...state,
    entries: state.entries.map((entry) => ({ ...entry })),
    replied: state.replied.map((row) => [...row]),
    known: state.known.map((row) => [...row]),
    members: state.members.map((member) => ({
      ...member,
      takeRevisions: [...member.takeRevisions],
    })),
  };
}
