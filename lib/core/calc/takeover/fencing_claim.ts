/**
 * The claim to fence the leader: whose it is, how long it stands, and what each
 * write of the key `fencing` says and rests on.
 */
import { after, remainingMs } from "../../base/units.ts";
import type { ClusterView } from "../../model/cluster_view.ts";
import type {
  FencingClaim,
  FencingKey,
  FencingMemory,
  FencingOrders,
  PastFencing,
} from "../../model/fencing.ts";
import type { Observation } from "../../model/observation.ts";
import type { TakeoverTiming } from "../../model/settings.ts";
import type { FencingWrite } from "../../model/takeover_decision.ts";
import { NO_REVISION } from "../lead/failsafe.ts";

/** From the end of the time to object: by then the program has begun, or the claim is renewed. */
export const START_MS = 5_000;
/** From the end of a run: until then its owner has told what came of it, or begun the next. */
const REPORT_MS = 10_000;
const PAUSE_MS = 1_000;
const PAUSE_MS_MAX = 4_000;
const HOUR_MS = 3_600_000;

/** The claim against the present leader in its present term; null: none. */
export function claimOf(
  { leader, fencing }: Pick<ClusterView, "leader" | "fencing">,
): FencingClaim | null {
  const claim = fencing?.claim ?? null;
  const isOfNow = claim !== null && leader !== null &&
    leader.revision !== NO_REVISION && claim.term === leader.revision &&
    claim.host === leader.name;
  return isOfNow ? claim : null;
}

/** How long others leave a claim alone that is not seen to change. */
export function holdMs(
  { timeoutMs }: FencingOrders,
  { vetoTimeMs }: TakeoverTiming,
): number {
  return vetoTimeMs + START_MS + timeoutMs + REPORT_MS;
}

/** True if its owner is silent for so long that another may claim. */
export function isClaimOver(
  now: Observation["now"],
  { claim, revision }: FencingKey,
  { seen }: FencingMemory,
): boolean {
  return claim !== null && seen?.revision === revision &&
    remainingMs(now, seen.at) >= claim.holdMs;
}

/** Milliseconds until the program may be run again after `attempt` failed at `endedAt`. */
export function pauseLeftMs(
  now: Observation["now"],
  { attempt }: FencingClaim,
  endedAt: Observation["now"],
): number {
  const pauseMs = Math.min(PAUSE_MS * 2 ** (attempt - 1), PAUSE_MS_MAX);
  return remainingMs(after(endedAt, pauseMs), now);
}

/** Runs of the program, of anybody, within the last hour. */
export function recentRuns(
  past: readonly PastFencing[],
  wallTimeMs: number,
): number {
  return past.filter(({ atMs }) => wallTimeMs - atMs < HOUR_MS).length;
}

/** What happened of the run under `claim`, for those who come later. */
export function runOf(
  { host, by }: FencingClaim,
  atMs: number,
  result: PastFencing["result"],
): PastFencing {
  return { host, by, atMs, result };
}

/**
 * A write of the key over what `view` shows. Who claims does so in the term that
 * it saw, and under the configuration that it saw: a pause wins.
 */
export function fencingWrite(
  view: ClusterView,
  change: {
    readonly claim: FencingClaim | null;
    readonly past?: readonly PastFencing[];
  },
): FencingWrite {
  const { leader, config, fencing } = view;
  const { claim } = change;
  const isBound = claim?.state === "claimed";
  return {
    claim,
    past: [...fencing?.past ?? [], ...change.past ?? []],
    guard: fencing?.revision ?? null,
    term: claim === null ? null : leader?.revision ?? null,
    configRevision: isBound ? config?.revision ?? null : null,
  };
}
