/**
 * Visits every state that fencing can bring three members into, with the product's
 * own rules deciding. In each, at most one PostgreSQL takes writes, nobody has
 * taken over from a leader whose PostgreSQL does, and one command runs at most.
 */
import type { Decision } from "../../lib/core/model/decision.ts";
import type { FencingClaim } from "../../lib/core/model/fencing.ts";
import { decided, type FencingMutant, indexOf } from "./fencing_sight.ts";
import { renumbered } from "./fencing_numbers.ts";
import {
  apply,
  type Claim,
  type FencingBudget,
  type FencingState,
  firstFencingState,
  forgotten,
  holds,
  type Host,
  type Index,
  type Message,
  switchOff,
} from "./fencing_state.ts";

/** What came of it. */
export interface FencingExploration {
  readonly states: number;
  readonly depth: number;
  /** Of these in how many a fenced leader's key was taken. */
  readonly taken: number;
  /** The way to the first broken promise; null: none was broken. */
  readonly broken: readonly string[] | null;
  readonly isCut: boolean;
}

interface Visit {
  readonly text: string;
  readonly from: number;
  readonly why: string;
  readonly depth: number;
}

type Change = (next: FencingState, self: Host) => string | null;

/** Explores one world. */
export class FencingExplorer {
  readonly #planted: FencingMutant | null;
  readonly #known = new Set<string>();
  readonly #visits: Visit[] = [];
  #broken: number | null = null;
  #taken = 0;

  constructor(budget: FencingBudget, planted: FencingMutant | null = null) {
    this.#planted = planted;
    this.#add(firstFencingState(budget), {
      ...{ from: -1, why: "start", depth: 0, fault: null },
    });
  }

  /** @param statesMax It stops there. */
  run(statesMax: number): FencingExploration {
    let at = 0;
    let depth = 0;
    for (; at < this.#visits.length && this.#broken === null; at++) {
      if (at >= statesMax) break;
      const { text, depth: here } = this.#visits[at] ?? { text: "", depth: 0 };
      depth = here;
      for (const index of [0, 1, 2]) this.#turn(at, text, index);
    }
    return {
      states: this.#visits.length,
      depth,
      taken: this.#taken,
      broken: this.#broken === null ? null : this.#pathTo(this.#broken),
      isCut: at >= statesMax,
    };
  }

  #turn(from: number, text: string, at: Index): void {
    const state: FencingState = JSON.parse(text);
    const self = state.hosts[at];
    if (self === undefined) return;
    const depth = (this.#visits[from]?.depth ?? 0) + 1;
    const emit = (why: string, change: Change): void => {
      const next: FencingState = JSON.parse(text);
      const mine = next.hosts[at];
      if (mine === undefined) return;
      const fault = change(next, mine);
      this.#add(next, { from, why: `${"abc"[at]}: ${why}`, depth, fault });
    };
    lateMoves(state, at, emit);
    hostMoves(state, at, emit);
    if (!self.isUp) return;
    if (self.message !== null) return answerMoves(state, self.message, emit);
    leadMoves(state, at, emit);
    if (self.run !== null) commandMoves(state, self, emit);
    for (const isHeard of state.left.heard > 0 ? [false, true] : [false]) {
      if (state.leader === -1 && self.run === null) break;
      const planted = this.#planted;
      const decision = decided(state, at, { isHeard, planted });
      decisionMoves(state, decision, { at, isHeard, planted, emit });
    }
  }

  #add(
    state: FencingState,
    { from, why, depth, fault }: Omit<Visit, "text"> & {
      readonly fault: string | null;
    },
  ): void {
    if (state.term > state.left.termMax) return;
    const text = JSON.stringify(renumbered(state, this.#planted === null));
    const broken = fault ?? faultOf(state);
    if (broken === null && this.#known.has(text)) return;
    this.#known.add(text);
    if (why.includes("taken")) this.#taken++;
    const told = broken === null ? why : `${why}: ${broken}`;
    this.#visits.push({ text, from, why: told, depth });
    if (broken !== null) this.#broken ??= this.#visits.length - 1;
  }

  #pathTo(at: number): readonly string[] {
    const path: string[] = [];
    for (let here = at; here >= 0;) {
      const visit = this.#visits[here];
      if (visit === undefined) break;
      path.unshift(visit.why);
      here = visit.from;
    }
    return path;
  }
}

type Emit = (why: string, change: Change) => void;

function faultOf({ hosts }: FencingState): string | null {
  if (hosts.filter(({ isPrimary }) => isPrimary).length > 1) {
    return "two take writes";
  }
  return hosts.filter(({ run }) => run !== null).length > 1
    ? "two commands run"
    : null;
}

/** A write comes into effect at last; a take says what it found. */
function carryOut(state: FencingState, from: Index, message: Message) {
  const old = state.hosts[state.leader];
  apply(state, from, message);
  return message.kind === "take" && old?.isPrimary === true
    ? "taken from a leader that takes writes"
    : null;
}

function lateMoves(state: FencingState, at: Index, emit: Emit): void {
  for (const [place, { from, message }] of state.late.entries()) {
    if (from !== at) continue;
    const without = state.late.filter((_, other) => other !== place);
    if (!holds(state, from, message)) {
      emit("a late write is refused", (next) => {
        next.late = without;
        return null;
      });
      continue;
    }
    emit(`a late write comes: ${message.kind}`, (next) => {
      next.late = without;
      return carryOut(next, from, message);
    });
  }
}

function hostMoves(state: FencingState, at: Index, emit: Emit): void {
  const self = state.hosts[at];
  const { left } = state;
  if (self?.isUp === false && left.reboots > 0) {
    emit("its host is on again", (next, mine) => {
      next.left = { ...left, reboots: left.reboots - 1 };
      Object.assign(mine, forgotten(), { isUp: true });
      // PostgreSQL waits for the agent, and the agent for its key.
      if (next.leader === at) mine.message = { kind: "bind" };
      return null;
    });
  }
  if (self?.isUp === true && state.leader !== at && left.crashes > 0) {
    emit("its agent crashes and is back", (next, mine) => {
      next.left = { ...left, crashes: left.crashes - 1 };
      const { isUp, isPrimary, message } = mine;
      Object.assign(mine, forgotten(), { isUp, isPrimary });
      if (message !== null) next.late = [...next.late, { from: at, message }];
      return null;
    });
  }
}

/** Its answer comes, or is lost. */
function answerMoves(
  state: FencingState,
  message: Message,
  emit: Emit,
): void {
  emit(`${message.kind} is answered`, (next, mine) => {
    const at = next.hosts.indexOf(mine);
    mine.message = null;
    mine.claimed = "none";
    if (!holds(next, at, message)) return null;
    const fault = carryOut(next, at, message);
    if (message.kind !== "fence") mine.leads = next.term;
    else if (message.claim?.state === "claimed") mine.claimed = "new";
    return fault;
  });
  const { left } = state;
  if (left.lost === 0) return;
  emit(`the answer to ${message.kind} is lost`, (next, mine) => {
    const from = next.hosts.indexOf(mine);
    next.left = { ...left, lost: left.lost - 1 };
    mine.message = null;
    mine.claimed = "none";
    next.late = [...next.late, { from, message }];
    return null;
  });
}

function leadMoves(state: FencingState, at: Index, emit: Emit): void {
  const self = state.hosts[at];
  const { left, leader, claim } = state;
  if (self === undefined) return;
  if (self.leads > 0 && leader === at && !self.isPrimary) {
    emit("is promoted", (_, mine) => {
      mine.isPrimary = true;
      return null;
    });
  }
  if (self.isPrimary && left.stops > 0) {
    emit("stops before its lease ends", (next, mine) => {
      next.left = { ...left, stops: left.stops - 1 };
      Object.assign(mine, { isPrimary: false, leads: 0 });
      return null;
    });
  }
  const holder = state.hosts[leader];
  const isGone = holder !== undefined && !holder.isPrimary &&
    holder.leads === 0 && holder.message === null;
  if (leader !== at && isGone) {
    emit("the leader's lease ends", (next) => {
      next.leader = -1;
      return null;
    });
  }
  if (leader === -1 && self.run === null) {
    emit("bids for the free key", (_, mine) => {
      mine.message = { kind: "acquire" };
      return null;
    });
  }
  if (self.isResting) {
    emit("suspects again", (_, mine) => {
      mine.isResting = false;
      return null;
    });
  }
  const owner = claim === null ? undefined : state.hosts[claim.by];
  const isStanding = claim?.state === "claimed" || claim?.state === "vetoed";
  const isOpen = isStanding && !state.isOver && owner?.run == null;
  if (isOpen && left.silences > 0 && claim.by !== at) {
    emit("the claim has stood for too long", (next) => {
      next.left = { ...left, silences: left.silences - 1 };
      next.isOver = true;
      const late = next.hosts[claim.by];
      if (late?.claimed === "new") late.claimed = "old";
      return null;
    });
  }
}

function commandMoves(
  { left }: FencingState,
  { run }: Host,
  emit: Emit,
): void {
  if (run === null) return;
  if (!run.hasHit) {
    emit("the command ends the host", (next, mine) => {
      mine.run = { ...run, hasHit: true };
      const host = next.hosts[run.host];
      if (host !== undefined) switchOff(host);
      return null;
    });
  }
  const ends: [string, boolean][] = [];
  if (run.hasHit) ends.push(["succeeds", true]);
  if (left.failures > 0) ends.push(["fails", false]);
  for (const [how, isDone] of ends) {
    emit(`the command ${how}`, (next, mine) => {
      if (!isDone) next.left = { ...left, failures: left.failures - 1 };
      Object.assign(mine, { run: null, ended: { run, isDone } });
      return null;
    });
  }
}

function decisionMoves(
  state: FencingState,
  decision: Decision,
  { at, isHeard, planted, emit }: {
    readonly at: Index;
    readonly isHeard: boolean;
    readonly planted: FencingMutant | null;
    readonly emit: Emit;
  },
): void {
  const message = messageOf(decision, state, planted);
  const name = `${decision.kind} ${decision.reason}`;
  const hear = (next: FencingState): null => {
    const { left } = next;
    if (isHeard) next.left = { ...left, heard: left.heard - 1 };
    return null;
  };
  if (message !== null) {
    const told = message.kind === "take" ? `taken by ${"abc"[at]}` : name;
    emit(told, (next, mine) => {
      Object.assign(mine, { message, claimed: "none" });
      if (decision.reason === "vetoed") mine.isResting = true;
      return hear(next);
    });
  }
  if (decision.kind === "rest_suspicion") {
    emit(name, (next, mine) => {
      Object.assign(mine, { isResting: true, claimed: "none" });
      return hear(next);
    });
  }
  if (decision.kind === "cancel_task") {
    emit(name, (_, mine) => {
      mine.run = null;
      return null;
    });
  }
  if (decision.kind !== "start_task") return;
  const { task } = decision;
  if (task.kind !== "fence") return;
  emit("runs its command", (next, mine) => {
    mine.run = {
      ...{ claim: Number(task.claim), host: indexOf(task.host) },
      ...{ term: Number(task.term), attempt: task.attempt, hasHit: false },
    };
    return hear(next);
  });
}

/** The write that a decision sends; null: none. */
function messageOf(
  decision: Decision,
  { revision }: FencingState,
  planted: FencingMutant | null,
): Message | null {
  if (decision.kind === "take_fenced_lease") {
    const { fencing, term } = decision.take;
    const isUnguarded = planted === "take_without_term";
    return {
      kind: "take",
      guard: Number(fencing),
      term: isUnguarded ? -1 : Number(term),
    };
  }
  if (decision.kind !== "write_fencing") return null;
  const { claim, guard, term } = decision.write;
  const isUnguarded = planted === "claim_without_guard" &&
    claim?.state === "claimed";
  const isFreed = planted === "veto_frees_claim" &&
    decision.reason === "leader_lives";
  return {
    kind: "fence",
    claim: claim === null || isFreed ? null : told(claim),
    guard: isUnguarded ? -1 : Number(guard ?? revision),
    term: term === null ? -1 : Number(term),
  };
}

function told(
  claim: FencingClaim,
): Claim {
  return {
    ...{ term: Number(claim.term), host: indexOf(claim.host) },
    ...{ by: indexOf(claim.by), attempt: claim.attempt, state: claim.state },
  };
}
