/**
 * Which of several backends the next client gets. All three ways know weights: a
 * backend of weight 2 gets twice as many clients as one of weight 1.
 */
import type { PortBalance } from "../lib/core/calc/host/port_routes.ts";

/** Something that can be chosen. */
export interface Choice {
  readonly key: string;
  /** Above 0. */
  readonly weight: number;
}

/** What a choice may go by. */
export interface ChoiceFacts<T> {
  /** Sessions on it now. */
  readonly sessionsOf: (one: T) => number;
  /** Who asks; the same text for the same source. */
  readonly source: string;
}

/** Chooses among backends, and remembers whose turn it is. */
export class Balancer {
  readonly #balance: PortBalance;
  /** The one that was chosen last. */
  #lastKey: string | null = null;
  /** How far each has come: whoever is chosen moves on by a step of 1 / weight. */
  #progress = new Map<string, number>();

  constructor(balance: PortBalance) {
    this.#balance = balance;
  }

  /** Null if there is nothing to choose from. */
  choose<T extends Choice>(
    open: readonly T[],
    facts: ChoiceFacts<T>,
  ): T | null {
    if (open.length <= 1) return open[0] ?? null;
    switch (this.#balance) {
      case "least":
        return this.#least(open, facts);
      case "round_robin":
        return this.#next(open);
      case "source":
        return steadyChoice(open, facts.source);
    }
  }

  #least<T extends Choice>(
    open: readonly T[],
    { sessionsOf }: ChoiceFacts<T>,
  ): T | null {
    const turn = open.findIndex(({ key }) => key === this.#lastKey) + 1;
    let best: T | null = null;
    let fewest = Infinity;
    for (let i = 0; i < open.length; i++) {
      const one = open[(turn + i) % open.length];
      if (one === undefined) continue;
      const load = (sessionsOf(one) + 1) / one.weight;
      if (load < fewest) [best, fewest] = [one, load];
    }
    this.#lastKey = best?.key ?? null;
    return best;
  }

  #next<T extends Choice>(open: readonly T[]): T | null {
    const known = open.flatMap(({ key }) => this.#progress.get(key) ?? []);
    // Who is new begins with those that are behind, and gets nothing back.
    const start = known.length === 0 ? 0 : Math.min(...known);
    const steps = new Map<string, number>();
    let best: T | null = null;
    for (const one of open) {
      const at = Math.max(start, this.#progress.get(one.key) ?? start) - start;
      steps.set(one.key, at);
      if (best === null || at < (steps.get(best.key) ?? 0)) best = one;
    }
    if (best !== null) {
      steps.set(best.key, (steps.get(best.key) ?? 0) + 1 / best.weight);
    }
    this.#progress = steps;
    return best;
  }
}

/**
 * The choice of a source by rendezvous: each backend gets a number from the two
 * names, the highest wins. So when one goes, only its own sources move.
 *
 * Source: D. Thaler, C. Ravishankar, "Using name-based mappings to increase hit
 * rates", 1998; the weights by the logarithm of the number.
 */
export function steadyChoice<T extends Choice>(
  open: readonly T[],
  source: string,
): T | null {
  let best: T | null = null;
  let highest = -Infinity;
  for (const one of open) {
    const share = (hash(`${source} ${one.key}`) + 1) / (2 ** 32 + 1);
    const score = -one.weight / Math.log(share);
    if (score > highest) [best, highest] = [one, score];
  }
  return best;
}

/** 32 bits, FNV-1a with the mixing of MurmurHash3 behind it; not for secrets. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
