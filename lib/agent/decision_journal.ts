/**
 * The last decisions with rule and reason, for `GET /explain`. A decision that
 * repeats the one before it is counted, not added. Waiting has a ring of its own,
 * so that a long quiet time does not push out what happened before it.
 */
import type { Ruling } from "../core/decide.ts";
import type { Facts } from "../core/model/decision.ts";

/** Entries of each ring. */
const RING_MAX = 50;

/** One decision, made once or several times in a row. */
export interface JournalEntry {
  readonly ruling: Ruling;
  /** Of the decision and its circumstances. */
  readonly facts: Facts;
  /** Wall clock, milliseconds since the epoch. */
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  readonly count: number;
}

/** Remembers the last decisions. */
export class DecisionJournal {
  readonly #waits: JournalEntry[] = [];
  readonly #deeds: JournalEntry[] = [];

  /** Keeps a decision; renewals and questions of every cycle are left out. */
  note(ruling: Ruling, wallTimeMs: number, around: Facts = {}): void {
    if (isRoutine(ruling)) return;
    const ring = ruling.decision.kind === "wait" ? this.#waits : this.#deeds;
    const last = ring.at(-1);
    const isRepeated = last !== undefined && isAlike(last.ruling, ruling);
    if (isRepeated) ring.pop();
    ring.push({
      ruling,
      facts: { ...factsOf(ruling), ...around },
      firstAtMs: isRepeated ? last.firstAtMs : wallTimeMs,
      lastAtMs: wallTimeMs,
      count: isRepeated ? last.count + 1 : 1,
    });
    if (ring.length > RING_MAX) ring.shift();
  }

  /** Oldest first, by the moment at which each was made last. */
  entries(): readonly JournalEntry[] {
    return [...this.#deeds, ...this.#waits]
      .sort((one, other) => one.lastAtMs - other.lastAtMs);
  }
}

function factsOf({ decision }: Ruling): Facts {
  return "facts" in decision ? decision.facts : {};
}

function isRoutine({ decision: { kind } }: Ruling): boolean {
  return kind === "renew_lease" || kind === "ask_peers" ||
    kind === "ask_upstream" || kind === "ask_failsafe";
}

function isAlike(one: Ruling, other: Ruling): boolean {
  return one.rule === other.rule &&
    one.decision.kind === other.decision.kind &&
    one.decision.reason === other.decision.reason;
}
