/**
 * Visits every state that three members can reach, in order of depth, with the
 * product's own functions deciding; in each, the holder of the leader key has
 * every commit that was ever acknowledged.
 */
import { hostMoves } from "./host_moves.ts";
import { leaderMoves } from "./leader_moves.ts";
import { messageMoves } from "./message_moves.ts";
import type { Turn, World } from "./moves.ts";
import { postgresMoves } from "./postgres_moves.ts";
import { type Mutant, Protocol } from "./protocol.ts";
import {
  copyOf,
  decode,
  emptyMember,
  encode,
  NOBODY,
  type State,
  widthOf,
} from "./state.ts";
import { StateTable } from "./state_table.ts";
import { voterMoves } from "./voter_moves.ts";

/** How much may happen; by member a, b, c where three numbers stand. */
export interface Budget extends World {
  readonly crashes: readonly [number, number, number];
  readonly wishes: readonly [number, number, number];
  readonly refills: readonly [number, number, number];
  readonly withdrawals: number;
  readonly vetoes: number;
  readonly keyWrites: number;
  readonly nameChanges: number;
  readonly expiries: number;
}

/** What came of it. */
export interface Exploration {
  readonly states: number;
  readonly depth: number;
  readonly taken: number;
  readonly promoted: number;
  /** The way to the first broken promise; null: none was broken. */
  readonly broken: readonly string[] | null;
  /** The limit of states came first. */
  readonly isCut: boolean;
}

/** Where everything begins: a leads, the others stream or begin to. */
function startOf(budget: Budget): State {
  const members = [0, 1, 2].map((at) => ({
    ...emptyMember(),
    crashes: budget.crashes[at] ?? 0,
    wishes: budget.wishes[at] ?? 0,
    refills: budget.refills[at] ?? 0,
    withdrawals: budget.withdrawals,
    follows: at === 0 ? NOBODY : 0,
  }));
  const isQuorum = budget.mode === "quorum";
  const mask = isQuorum ? 6 : 2;
  const names = { names: 1, nameMask: mask, forceNames: 1, forceMask: mask };
  Object.assign(members[0] ?? {}, { isPrimary: 1, leads: 1, ...names });
  const zeros = (): number[][] => [[0, 0, 0], [0, 0, 0], [0, 0, 0]];
  return {
    holder: 0,
    term: 1,
    keyLeader: 0,
    keyVoters: mask,
    keyQuorum: isQuorum ? 1 : 0,
    keyRevision: 1,
    ackX: 0,
    ackY: 0,
    vetoes: budget.vetoes,
    keyWrites: budget.keyWrites,
    nameChanges: budget.nameChanges,
    expiries: budget.expiries,
    entries: [0, 1, 2].map(() => ({ term: 0, at: 0, revision: 0 })),
    replied: zeros(),
    known: zeros(),
    members,
  };
}

function isBroken({ term, holder, ackX, ackY, members }: State): boolean {
  const leader = members[holder];
  if (term < 2 || leader === undefined) return false;
  return ackX > leader.x || (term > 2 && ackY > leader.y);
}

/** Explores one world. */
export class Explorer {
  readonly #budget: Budget;
  readonly #protocol: Protocol;
  readonly #table: StateTable;
  readonly #bytes: Uint8Array;
  readonly #row: Int32Array;
  #broken = -1;
  #taken = 0;

  constructor(budget: Budget, planted: readonly Mutant[] = []) {
    this.#budget = budget;
    this.#protocol = new Protocol(planted);
    const start = startOf(budget);
    const width = widthOf(start);
    this.#table = new StateTable(width);
    this.#bytes = new Uint8Array(width);
    this.#row = new Int32Array(this.#bytes.buffer);
    this.#add(start, 0, "start");
  }

  /** @param statesMax It stops there, so that a mistake ends, too. */
  run(statesMax: number): Exploration {
    const table = this.#table;
    let [depth, levelEnd, promoted] = [0, 1, 0];
    for (let at = 0; at < table.size && this.#broken < 0; at++) {
      if (at === levelEnd) [depth, levelEnd] = [depth + 1, table.size];
      const row = table.row(at);
      const state = decode(
        new Uint8Array(row.buffer, row.byteOffset, row.byteLength).slice(),
      );
      if (isPromoted(state)) promoted++;
      for (const index of [0, 1, 2]) this.#turn(state, index, at);
      if (table.size > statesMax) break;
    }
    const isCut = table.size > statesMax;
    const { size: states } = table;
    const broken = this.#broken < 0 ? null : table.pathTo(this.#broken);
    return { states, depth, taken: this.#taken, promoted, broken, isCut };
  }

  #turn(state: State, at: number, from: number): void {
    const self = state.members[at];
    if (self === undefined) return;
    const name = "abc"[at];
    const turn: Turn = {
      state,
      at,
      self,
      protocol: this.#protocol,
      world: this.#budget,
      emit: (why, change) => {
        const next = copyOf(state);
        const mine = next.members[at];
        if (mine !== undefined) change(next, mine);
        this.#add(next, from, `${name}: ${why}`);
      },
    };
    messageMoves(turn);
    hostMoves(turn);
    if (self.isUp === 0) return;
    postgresMoves(turn);
    if (self.leads > 0) leaderMoves(turn);
    else if (self.isPrimary === 0) voterMoves(turn);
  }

  #add(state: State, from: number, why: string): void {
    encode(state, this.#bytes);
    if (!this.#table.add(this.#row, from, why)) return;
    if (state.term > 1) this.#taken++;
    if (this.#broken < 0 && isBroken(state)) {
      this.#broken = this.#table.size - 1;
    }
  }
}

function isPromoted({ holder, term, members }: State): boolean {
  const leader = members[holder];
  return term > 1 && leader?.isPrimary === 1 && leader.timeline === term;
}
