/** What a move is made with, and small words that all moves use. */
import type { Protocol } from "./protocol.ts";
import { type MemberState, NOBODY, type State, UNKNOWN } from "./state.ts";

/** Adds the state that a change leads to. */
export type Emit = (
  why: string,
  change: (state: State, self: MemberState) => void,
) => void;

/** One member's turn in one state. */
export interface Turn {
  readonly state: State;
  readonly at: number;
  readonly self: MemberState;
  readonly protocol: Protocol;
  readonly world: World;
  readonly emit: Emit;
}

/** Which world is explored. */
export interface World {
  readonly mode: "on" | "quorum";
  /** Commits in the first term. */
  readonly commits: number;
  readonly termMax: number;
  /** Requests may be lost, and come twice. */
  readonly areLost: boolean;
  readonly areRepeated: boolean;
}

/** How much WAL a member has. */
export function lengthOf(member: MemberState): number {
  return member.x + member.y;
}

/** A position as an entry has it: the timeline, then how much. */
export function positionOf(member: MemberState): number {
  return member.timeline << 3 | lengthOf(member);
}

/** Bits that are set. */
export function countOf(mask: number): number {
  return (mask & 1) + (mask >> 1 & 1) + (mask >> 2 & 1);
}

/** Members of a mask. */
export function indexesOf(mask: number): readonly number[] {
  return [0, 1, 2].filter((index) => (mask >> index & 1) === 1);
}

/** A primary that ends: nobody streams from it any more. */
export function endStreams(state: State, leader: number): void {
  state.replied[leader] = [0, 0, 0];
  state.known[leader] = [0, 0, 0];
  for (const member of state.members) {
    if (member.source === leader) member.source = NOBODY;
  }
}

/** A primary is a standby from now on. */
export function stepDown(state: State, at: number): void {
  const member = state.members[at];
  if (member === undefined) return;
  if (member.isPrimary === 1) endStreams(state, at);
  member.isPrimary = 0;
  member.leads = 0;
  member.names = member.nameMask = 0;
  member.forceNames = member.forceMask = 0;
  member.since = 0;
  member.guard = UNKNOWN;
  member.wish = 0;
}

/** It is told to follow whoever holds the key. */
export function follow(state: State, member: MemberState): void {
  member.follows = state.holder;
  member.followsIn = state.term;
  member.wish = 0;
}
