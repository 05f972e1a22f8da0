/**
 * Fencing as an explorer sees it: three members, the store's two keys, writes
 * that are on their way, and commands that run. Plain data.
 */

/** Who may want to be told apart: 0, 1, 2; -1 for nobody. */
export type Index = number;

/** What the key `fencing` says. */
export interface Claim {
  readonly term: number;
  readonly host: Index;
  readonly by: Index;
  readonly attempt: number;
  readonly state: "claimed" | "vetoed" | "fenced" | "failed";
}

/** A write on its way, with what it rests on; -1: whatever it is. */
export type Message =
  | {
    readonly kind: "fence";
    readonly claim: Claim | null;
    readonly guard: number;
    readonly term: number;
  }
  | { readonly kind: "take"; readonly guard: number; readonly term: number }
  /** A leader's agent that was restarted: the key is its own still. */
  | { readonly kind: "bind" }
  | { readonly kind: "acquire" };

/** A command that runs. */
export interface Run {
  readonly claim: number;
  readonly host: Index;
  readonly term: number;
  readonly attempt: number;
  /** The host was off since it began. */
  readonly hasHit: boolean;
}

/** One host with its agent and its PostgreSQL. */
export interface Host {
  /** Agent and PostgreSQL run; false: it is off. */
  isUp: boolean;
  /** PostgreSQL takes writes. */
  isPrimary: boolean;
  /** The term that it leads as far as it knows; 0: none. */
  leads: number;
  /** The own claim: none of this life, just made, or too old to begin under. */
  claimed: "none" | "new" | "old";
  /** Its suspicion rests. */
  isResting: boolean;
  /** How its last command ended. */
  ended: { readonly run: Run; readonly isDone: boolean } | null;
  run: Run | null;
  message: Message | null;
}

/** How much may still happen. */
export interface FencingBudget {
  readonly reboots: number;
  /** Of agents that do not lead. */
  readonly crashes: number;
  /** Commands that fail. */
  readonly failures: number;
  /** Writes whose answer is lost: they take effect at any later time, or never. */
  readonly lost: number;
  /** A silent leader is heard again. */
  readonly heard: number;
  /** Claims whose owner is silent for too long. */
  readonly silences: number;
  /** Leaders that stop because their lease runs out. */
  readonly stops: number;
  /** No term comes after that. */
  readonly termMax: number;
}

/** Everything. */
export interface FencingState {
  leader: Index;
  /** Its key's revision; it rises with every change of the key. */
  term: number;
  /** 0: there is no key. */
  revision: number;
  claim: Claim | null;
  /** The claim has stood longer than it says. */
  isOver: boolean;
  hosts: readonly Host[];
  /** Writes without an answer. */
  late: readonly { readonly from: Index; readonly message: Message }[];
  left: FencingBudget;
}

/** 0 leads; the others follow. */
export function firstFencingState(left: FencingBudget): FencingState {
  const host = (at: number): Host => ({
    ...{ isUp: true, isPrimary: at === 0, leads: at === 0 ? 1 : 0 },
    ...{ claimed: "none", isResting: false, ended: null },
    ...{ run: null, message: null },
  });
  return {
    ...{ leader: 0, term: 1, revision: 0, claim: null, isOver: false },
    ...{ hosts: [0, 1, 2].map(host), late: [], left },
  };
}

/** Power is gone: nothing of what it knew is left. */
export function switchOff(host: Host): void {
  Object.assign(host, {
    ...{ isUp: false, isPrimary: false },
    ...forgotten(),
  });
}

/** What an agent knows that began just now. */
export function forgotten(): Omit<Host, "isUp" | "isPrimary"> {
  return {
    ...{ leads: 0, claimed: "none", isResting: false, ended: null },
    ...{ run: null, message: null },
  };
}

/** Whether the conditions of a write hold. */
export function holds(
  state: FencingState,
  from: Index,
  message: Message,
): boolean {
  const { leader, term, revision } = state;
  switch (message.kind) {
    case "bind":
      return leader === from;
    case "acquire":
      return leader === -1;
    case "fence":
    case "take": {
      const isSame = message.guard === -1 || message.guard === revision;
      const isTerm = message.term === -1 ||
        (message.term === term && leader !== -1);
      return isSame && isTerm;
    }
  }
}

/** Carries it out in the store. */
export function apply(
  state: FencingState,
  from: Index,
  message: Message,
): void {
  if (message.kind === "fence" || message.kind === "take") {
    state.revision++;
    state.claim = message.kind === "fence" ? message.claim : null;
    state.isOver = false;
  }
  if (message.kind === "fence") return;
  state.leader = from;
  state.term++;
}
