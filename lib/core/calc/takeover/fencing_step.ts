/**
 * What this member does about fencing a leader that seems to be lost: the one
 * next thing, from the claim in the store, what came of its program, and whether
 * it would win a race. Nobody is fenced but the leader of the term that the store
 * shows, and only by who holds the claim.
 */
import { after, remainingMs } from "../../base/units.ts";
import { parseConnUrl } from "../../codec/conn_url.ts";
import { type ClusterView, memberOf } from "../../model/cluster_view.ts";
import type { Facts, WaitReason } from "../../model/decision.ts";
import type {
  FencingClaim,
  FencingKey,
  FencingReason,
} from "../../model/fencing.ts";
import type { Member } from "../../model/member.ts";
import { leadOf, type Observation } from "../../model/observation.ts";
import type { PledgeView } from "../../model/pledge_view.ts";
import type {
  FencedTake,
  FencingWrite,
} from "../../model/takeover_decision.ts";
import type { LongTask, TaskOutcome } from "../../model/task_view.ts";
import {
  compareInRace,
  type LoseReason,
  racePeers,
  runnerOf,
} from "../lead/candidates.ts";
import { consentLeftMs, NO_REVISION } from "../lead/failsafe.ts";
import {
  claimOf,
  fencingWrite,
  holdMs,
  isClaimOver,
  pauseLeftMs,
  recentRuns,
  runOf,
  START_MS,
} from "./fencing_claim.ts";
import { fencingObstaclesOf, mayLeadBySync } from "./fencing_obstacles.ts";
import { obstaclesOf } from "./obstacles.ts";
import { signsOf } from "./own_pledge.ts";
import { isSuspected } from "./suspicion.ts";
import { barOf } from "./taking.ts";

/** A race for what is fenced is repeated after that time. */
const RACE_AGAIN_MS = 1_000;

/** The next thing to do. */
export type FencingStep =
  /** The store itself is asked: what follows rests on how it is now. */
  | { readonly kind: "look_afresh" }
  | {
    readonly kind: "ask_peers";
    readonly reason: "leader_suspected" | "leader_fenced";
    readonly members: readonly Member[];
  }
  | {
    readonly kind: "write";
    readonly reason: FencingReason;
    readonly write: FencingWrite;
  }
  /** The suspicion rests for a while, each time for longer. */
  | {
    readonly kind: "drop";
    readonly reason: LoseReason | "vetoed";
    readonly facts: Facts;
  }
  | {
    readonly kind: "wait";
    readonly reason: WaitReason;
    readonly facts: Facts;
    readonly againInMs: number;
  }
  | { readonly kind: "run"; readonly task: LongTask & { kind: "fence" } }
  | { readonly kind: "take"; readonly take: FencedTake };

/** What a step is made of: another member leads, and the store says so. */
interface Scene {
  readonly o: Observation;
  readonly pledge: PledgeView;
  readonly view: ClusterView;
  readonly key: FencingKey | null;
  readonly claim: FencingClaim | null;
}

/** Null: nothing; this member follows as ever. */
export function fencingStep(o: Observation): FencingStep | null {
  const { pledge, dcs, memory, settings } = o;
  if (pledge === null || dcs.kind !== "reachable") return null;
  if (settings.takeover === null || leadOf(o) !== "other") return null;
  const { view } = dcs;
  if (view.leader?.revision === NO_REVISION) return null;
  const claim = claimOf(view);
  const scene: Scene = { o, pledge, view, claim, key: view.fencing };
  if (claim?.state === "fenced") return takeStep(scene, claim);
  const isOwn = claim?.by === o.self;
  if (isOwn && claim?.state === "claimed") return ownStep(scene, claim);
  if (isOwn && claim?.state === "vetoed") return letGo(scene, claim, "vetoed");
  const left = view.fencing?.claim ?? null;
  if (claim === null && left?.by === o.self && isOpen(left)) {
    // Of a term that is over: its program does not run any more.
    return letGo(scene, left, "withdrawn");
  }
  if (memory.takeover.fencing.claimedAt !== null) {
    return afresh(scene) ?? { kind: "drop", reason: "vetoed", facts: {} };
  }
  return firstStep(scene);
}

/** A claim is made by the one that would win a race, while nobody else has one. */
function firstStep(scene: Scene): FencingStep | null {
  const { o, key, claim } = scene;
  const { memory, self, now } = o;
  if (!isWished(scene) || isWornOut(scene)) return null;
  if (claim?.state === "failed" && claim.by === self) return null;
  // Also one of a term before: its program may still run.
  const other = key?.claim ?? null;
  const isHeld = key !== null && other !== null && isOpen(other);
  if (isHeld && !isClaimOver(now, key, memory.takeover.fencing)) return null;
  const race = raceOf(scene, "leader_suspected");
  if (race.kind === "ask_peers") return race;
  if (race.kind === "lose") {
    return { kind: "drop", reason: race.reason, facts: race.facts };
  }
  const past = isHeld ? [runOf(other, o.wallTimeMs, "unknown")] : [];
  const reason = "leader_suspected";
  return afresh(scene) ??
    { kind: "write", reason, write: claimWrite(scene, { attempt: 1, past }) };
}

/** Somebody's program may run under it. */
function isOpen({ state }: FencingClaim): boolean {
  return state === "claimed" || state === "vetoed";
}

/** The own claim stands: its program runs when nobody objected, and its end is told. */
function ownStep(scene: Scene, claim: FencingClaim): FencingStep {
  const { o, view, key } = scene;
  const { fencing: { claimedAt, seen } } = o.memory.takeover;
  const run = ownRun(o, key);
  if (run?.result === "done") {
    const past = [runOf(claim, o.wallTimeMs, "done")];
    const fenced = { ...claim, state: "fenced" } as const;
    return written(view, { reason: "host_fenced", claim: fenced, past });
  }
  const isOfBefore = claimedAt === null;
  const past = run === null && !isOfBefore
    ? []
    : [runOf(claim, o.wallTimeMs, run === null ? "unknown" : "failed")];
  if (!isWished(scene)) {
    return written(view, { reason: "withdrawn", claim: null, past });
  }
  if (run !== null || isOfBefore) return nextAttempt(scene, claim, past);
  const { takeover } = o.settings;
  const vetoTimeMs = takeover?.vetoTimeMs ?? 0;
  const leftMs = seen === null || seen.revision !== key?.revision
    ? vetoTimeMs
    : remainingMs(after(seen.at, vetoTimeMs), o.now);
  if (leftMs > 0) return waiting("veto_awaited", {}, leftMs);
  const isLate = remainingMs(o.now, claimedAt) > vetoTimeMs + START_MS;
  if (isLate) {
    const write = claimWrite(scene, { attempt: claim.attempt, past: [] });
    return { kind: "write", reason: "leader_suspected", write };
  }
  return afresh(scene) ?? { kind: "run", task: taskOf(scene, claim) };
}

/** The program does not run any more: others may claim. */
function letGo(
  { o, view }: Scene,
  claim: FencingClaim,
  reason: "vetoed" | "withdrawn",
): FencingStep {
  const last = o.memory.lastOutcome;
  const hasRun = last?.task.kind === "fence" && last.task.term === claim.term;
  const past = hasRun ? [runOf(claim, o.wallTimeMs, "unknown")] : [];
  return written(view, { reason, claim: null, past });
}

/** After a run that failed, or one of an earlier life of this agent. */
function nextAttempt(
  scene: Scene,
  claim: FencingClaim,
  past: FencingKey["past"],
): FencingStep {
  const { o, view, key } = scene;
  const isLast = claim.attempt >= (o.fencing?.attemptsMax ?? 0);
  if (isLast || isWornOut(scene, past.length)) {
    const failed = { ...claim, state: "failed" } as const;
    return written(view, { reason: "given_up", claim: failed, past });
  }
  const run = ownRun(o, key);
  const leftMs = run === null ? 0 : pauseLeftMs(o.now, claim, run.endedAt);
  if (leftMs > 0) {
    const facts = { task: "fence", detail: run?.detail ?? null };
    return waiting("back_off", facts, leftMs);
  }
  const attempt = claim.attempt + 1;
  const write = claimWrite(scene, { attempt, past });
  return { kind: "write", reason: "attempt_failed", write };
}

/** The host is off: whoever would win a race takes the key. */
function takeStep(scene: Scene, claim: FencingClaim): FencingStep | null {
  const { o, view, key } = scene;
  const { config, sync, leader } = view;
  if (!mayTake(scene) || barOf(o, view) !== null) return null;
  if (key === null || config === null || leader === null) return null;
  const race = raceOf(scene, "leader_fenced");
  if (race.kind === "ask_peers") return race;
  if (race.kind === "lose") {
    return waiting(race.reason, race.facts, RACE_AGAIN_MS);
  }
  return afresh(scene) ?? {
    kind: "take",
    take: {
      leader: o.self,
      host: claim.host,
      term: leader.revision,
      syncRevision: sync.revision,
      configRevision: config.revision,
      fencing: key.revision,
      past: key.past,
    },
  };
}

/** Whether the leader is to be fenced by this member, whoever has the claim. */
function isWished(scene: Scene): boolean {
  const { o, pledge, view } = scene;
  const { settings, fencing, memory, now } = o;
  const { takeover: timing } = settings;
  if (fencing === null || timing === null || !mayTake(scene)) return false;
  const { storeObstacle, sound } = pledge;
  const circumstances = { settings, view, storeObstacle };
  // Where pledges can prove it, nobody's host is switched off.
  if (obstaclesOf(circumstances).length === 0) return false;
  if (fencingObstaclesOf(circumstances).length > 0) return false;
  if (barOf(o, view) !== null) return false;
  const { vetoes } = memory.takeover;
  return isSuspected(now, signsOf(view, sound), { timing, vetoes });
}

/** What holds for who fences and for who only takes over. */
function mayTake({ o, pledge, view }: Scene): boolean {
  const { settings, postgres, memory } = o;
  const { isPaused, isStandbyCluster } = settings;
  if (isPaused || isStandbyCluster || pledge.storeObstacle !== null) {
    return false;
  }
  const isOnLine = postgres.kind === "running" && postgres.role === "replica" &&
    postgres.restore === undefined && memory.divergence === "unsuspected";
  const isBound = pledge.hasConsented || consentLeftMs(o) > 0;
  return isOnLine && !isBound && !memory.isSyncDutyReleased &&
    mayLeadBySync(settings, view, o.self);
}

/** The scope has seen so many runs of late that another one would help nobody. */
function isWornOut({ o, key }: Scene, more = 0): boolean {
  const runs = recentRuns(key?.past ?? [], o.wallTimeMs) + more;
  return runs >= (o.fencing?.hourlyMax ?? 0);
}

/** Today's race, as if the key were free; the lost leader is not asked. */
function raceOf(
  { o, view }: Scene,
  reason: "leader_suspected" | "leader_fenced",
):
  | Extract<FencingStep, { kind: "ask_peers" }>
  | ReturnType<typeof compareInRace> {
  const host = view.leader?.name ?? "";
  const members = racePeers(o, view).filter(({ name }) => name !== host);
  if (o.peers.kind !== "asked" && members.length > 0) {
    return { kind: "ask_peers", reason, members };
  }
  const answers = o.peers.kind === "asked" ? o.peers.answers : [];
  return compareInRace(runnerOf(o), view, {
    answers: answers.filter(({ name }) => name !== host),
    options: { isLagChecked: true, isRanked: true, ignored: [] },
  });
}

/** How the program ended under the claim as it stands; null: it did not run yet. */
function ownRun(o: Observation, key: FencingKey | null): TaskOutcome | null {
  const last = o.memory.lastOutcome;
  return last?.task.kind === "fence" && last.task.claim === key?.revision
    ? last
    : null;
}

function afresh({ pledge }: Scene): FencingStep | null {
  return pledge.isViewFresh ? null : { kind: "look_afresh" };
}

function claimWrite(
  { o, view }: Scene,
  { attempt, past }: {
    readonly attempt: number;
    readonly past: FencingKey["past"];
  },
): FencingWrite {
  const { leader } = view;
  const { fencing, settings: { takeover } } = o;
  const isAble = leader !== null && fencing !== null && takeover !== null;
  const claim: FencingClaim | null = isAble
    ? {
      term: leader.revision,
      host: leader.name,
      by: o.self,
      attempt,
      holdMs: holdMs(fencing, takeover),
      state: "claimed",
    }
    : null;
  return fencingWrite(view, { claim, past });
}

function taskOf(
  { o, view, key }: Scene,
  { host, attempt, term }: FencingClaim,
): LongTask & { kind: "fence" } {
  const url = memberOf(view, host)?.connUrl ?? null;
  const place = url === null ? null : parseConnUrl(url);
  return {
    kind: "fence",
    host,
    address: place?.host ?? null,
    term,
    attempt,
    claim: key?.revision ?? NO_REVISION,
    timeoutMs: o.fencing?.timeoutMs ?? 0,
  };
}

function written(
  view: ClusterView,
  { reason, ...change }: Parameters<typeof fencingWrite>[1] & {
    readonly reason: FencingReason;
  },
): FencingStep {
  return { kind: "write", reason, write: fencingWrite(view, change) };
}

function waiting(
  reason: WaitReason,
  facts: Facts,
  againInMs: number,
): FencingStep {
  return { kind: "wait", reason, facts, againInMs };
}
