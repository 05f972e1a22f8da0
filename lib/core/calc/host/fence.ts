/**
 * When the fence takes a primary away from a silent agent, and in which steps.
 * A frozen agent (its socket is open) has until its lease, less the time for the
 * stop, runs out; a dead one has a short grace to be restarted. Every step is
 * judged anew from the last heartbeat, so an agent that comes back calls off
 * whatever has not happened yet.
 */
import { after, type Moment, remainingMs } from "../../base/units.ts";
import type {
  FencedAgent,
  FencedInstance,
  FenceStopMode,
} from "../../model/fence.ts";

/** Shares of the stop budget, counted back from the end of the lease. An agent that works begins at 1. */
const SHARES = { begin: 0.9, immediate: 0.4, kill: 0.2, backUp: 0.1 } as const;

/** Patience with a dead agent's instance when no end of a lease is known. */
const WITHOUT_LEASE = { immediateMs: 10_000, killMs: 15_000 } as const;

/** How often to look while the instance stops. */
const STOPPING_LOOK_MS = 50;
/** A frozen agent may wake up and start what was stopped. */
const FROZEN_LOOK_MS = 200;
const DONE_LOOK_MS = 1_000;

/** The moments of one fencing. */
export interface FencePlan {
  /** From here on sessions are cut and the instance is stopped. */
  readonly beginAt: Moment;
  readonly immediateAt: Moment;
  readonly killAt: Moment;
}

/** What this fencing has done so far. */
export interface FenceProgress {
  readonly isCut: boolean;
  /** The hardest stop that was sent. */
  readonly stopSent: FenceStopMode | null;
  readonly wasDown: boolean;
  readonly isKeySettled: boolean;
}

/** A fencing that has done nothing yet. */
export const NO_PROGRESS: FenceProgress = {
  isCut: false,
  stopSent: null,
  wasDown: false,
  isKeySettled: false,
};

/** What to do next. */
export type FenceStep =
  | { readonly kind: "nothing"; readonly lookAt: Moment }
  /** Sessions to the local primary are cut, its addresses dropped. */
  | { readonly kind: "cut_sessions" }
  | { readonly kind: "stop_postgres"; readonly mode: FenceStopMode }
  | { readonly kind: "give_back_key" };

/** The facts of one look. */
export interface FenceLook {
  readonly now: Moment;
  readonly agent: FencedAgent;
  readonly plan: FencePlan;
  readonly instance: FencedInstance;
  readonly progress: FenceProgress;
}

/**
 * When this agent would be fenced if nothing more is heard of it; null: never,
 * because there is no primary, or nobody is to touch it.
 */
export function fencePlan(
  agent: FencedAgent,
  graceMs: number,
): FencePlan | null {
  const { word, deadline, goneSince } = agent;
  if (word.instance === "other" || word.isPaused) return null;
  const graceEnd = goneSince === null ? null : after(goneSince, graceMs);
  if (deadline === null) {
    return graceEnd === null ? null : {
      beginAt: graceEnd,
      immediateAt: after(graceEnd, WITHOUT_LEASE.immediateMs),
      killAt: after(graceEnd, WITHOUT_LEASE.killMs),
    };
  }
  const before = (share: number): Moment =>
    after(deadline, -Math.round(word.stopBudgetMs * share));
  // Its own stop is under way: only if that comes to nothing.
  if (goneSince === null && word.isStandingDown) {
    const beginAt = before(SHARES.backUp);
    return { beginAt, immediateAt: beginAt, killAt: beginAt };
  }
  const beginAt = before(SHARES.begin);
  const isEarlier = graceEnd !== null && graceEnd < beginAt;
  return {
    beginAt: isEarlier ? graceEnd : beginAt,
    immediateAt: before(SHARES.immediate),
    killAt: before(SHARES.kill),
  };
}

/** The next step of a fencing. */
export function nextFenceStep(look: FenceLook): FenceStep {
  const { now, plan, instance, progress } = look;
  if (remainingMs(plan.beginAt, now) > 0) {
    return { kind: "nothing", lookAt: plan.beginAt };
  }
  if (isHarmless(look)) return lookAgain(now, DONE_LOOK_MS);
  if (!progress.isCut) return { kind: "cut_sessions" };
  if (instance === "down") return afterStop(look);
  const mode = stopMode(plan, now);
  const isSent = progress.stopSent !== null &&
    HARDNESS[mode] <= HARDNESS[progress.stopSent];
  // A killed postmaster's children may have been missed.
  return isSent && mode !== "kill"
    ? lookAgain(now, STOPPING_LOOK_MS)
    : { kind: "stop_postgres", mode };
}

const HARDNESS: Readonly<Record<FenceStopMode, number>> = {
  fast: 0,
  immediate: 1,
  kill: 2,
};

function stopMode(plan: FencePlan, now: Moment): FenceStopMode {
  if (remainingMs(plan.killAt, now) <= 0) return "kill";
  return remainingMs(plan.immediateAt, now) <= 0 ? "immediate" : "fast";
}

/** Read-only by its own files, or stopped by the agent as it should. */
function isHarmless({ agent, instance, progress }: FenceLook): boolean {
  const isDemoted = agent.word.instance === "primary" || progress.wasDown;
  if (instance === "standby") return isDemoted;
  const isAtWork = agent.goneSince === null && agent.word.isStandingDown;
  return instance === "down" && isAtWork;
}

/** A dead agent's key goes back at once; a frozen one's when it has no right to it any more. */
function afterStop({ now, agent, progress }: FenceLook): FenceStep {
  if (progress.isKeySettled) {
    const isDead = agent.goneSince !== null;
    return lookAgain(now, isDead ? DONE_LOOK_MS : FROZEN_LOOK_MS);
  }
  const { deadline, goneSince } = agent;
  const isDue = goneSince !== null || deadline === null ||
    remainingMs(deadline, now) <= 0;
  return isDue ? { kind: "give_back_key" } : lookAgain(now, STOPPING_LOOK_MS);
}

function lookAgain(now: Moment, ms: number): FenceStep {
  return { kind: "nothing", lookAt: after(now, ms) };
}
