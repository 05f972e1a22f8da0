/**
 * One seed from its plan to its verdict: safety under faults, then everything is
 * healed, then the cluster must become whole in bounded time.
 */
import { FastDriver } from "./fast/driver.ts";
import { RealDriver } from "./real/driver.ts";
import type { PlantedBug } from "./fast/lease_model.ts";
import { Violation } from "./world/checkers.ts";
import { isAllLost } from "./world/data_loss.ts";
import { heal, planFaults } from "./world/faults.ts";
import {
  flawOf,
  hasTwinTimeline,
  isBootstrapInterrupted,
} from "./world/liveness.ts";
import { livenessMs, planOf } from "./world/plan.ts";
import { World } from "./world/world.ts";

/** What became of a seed. */
export interface Verdict {
  readonly seed: number;
  /** Null: every promise was kept. */
  readonly broken: Broken | null;
  /** Why liveness was not asked for; null: it was. */
  readonly excuse:
    | "twin_timelines"
    | "interrupted_bootstrap"
    | "all_lost"
    | null;
  readonly hits: ReadonlyMap<string, number>;
  readonly promotions: number;
  readonly commits: number;
  readonly trace: readonly string[];
}

/** A broken promise. */
export interface Broken {
  readonly promise: string;
  readonly detail: string;
  readonly atMs: number;
}

/** How a seed is run. */
export interface SeedOptions {
  readonly mode?: "fast" | "real";
  /** Only in the fast mode. */
  readonly bug?: PlantedBug;
  readonly isTraced?: boolean;
}

const LOOK_EVERY_MS = 1_000;

/** In a row; one alone may be luck. */
const WHOLE_LOOKS = 3;

/** Runs a seed in the mode that `options` names, the fast one by default. */
export async function runSeed(
  seed: number,
  options: SeedOptions = {},
): Promise<Verdict> {
  return options.mode === "real"
    ? await runReal(seed, options)
    : runFast(seed, options);
}

/** Runs a seed in the fast mode. */
export function runFast(seed: number, options: SeedOptions = {}): Verdict {
  const world = new World(planOf(seed), options.isTraced ? [] : null);
  world.connect(new FastDriver(world, options.bug));
  const life = liveOf(world);
  try {
    for (;;) {
      const step = life.next();
      if (step.done) return verdictOf(world, step.value);
    }
  } catch (error) {
    return verdictOf(world, brokenOf(world, error));
  }
}

/** Runs a seed in the real mode. */
export async function runReal(
  seed: number,
  options: SeedOptions = {},
): Promise<Verdict> {
  const world = new World(planOf(seed), options.isTraced ? [] : null);
  const driver = new RealDriver(world);
  const stray = new StrayFailures();
  world.connect(driver);
  const life = liveOf(world);
  try {
    for (;;) {
      await driver.settle();
      stray.check();
      const step = life.next();
      if (step.done) return verdictOf(world, step.value);
    }
  } catch (error) {
    return verdictOf(world, brokenOf(world, error));
  } finally {
    driver.close();
    await driver.settle();
    stray.close();
  }
}

/** Failures that nobody waits for would end the agent's process. */
class StrayFailures {
  #first: unknown = null;
  readonly #listener = (event: PromiseRejectionEvent): void => {
    event.preventDefault();
    this.#first ??= event.reason;
  };

  constructor() {
    addEventListener("unhandledrejection", this.#listener);
  }

  check(): void {
    if (this.#first !== null) throw this.#first;
  }

  close(): void {
    removeEventListener("unhandledrejection", this.#listener);
  }
}

/** A world's life: yields after each event, before the checkers look. */
function* liveOf(world: World): Generator<void, Broken | null, void> {
  const { safetyMs } = world.plan;
  planFaults(world);
  yield* advanceTo(world, safetyMs);
  heal(world);
  const until = safetyMs + livenessMs(world.plan);
  let wholeLooks = 0;
  for (let at = safetyMs; at < until; at += LOOK_EVERY_MS) {
    yield* advanceTo(world, at);
    wholeLooks = flawOf(world) === null ? wholeLooks + 1 : 0;
    if (wholeLooks < WHOLE_LOOKS) continue;
    const leader = world.site(world.driver.leader() ?? "");
    if (leader !== null) world.checkers.checkContent(leader);
    return null;
  }
  const detail = flawOf(world) ?? "it does not last";
  return { promise: "liveness", detail, atMs: until };
}

function* advanceTo(world: World, ms: number): Generator<void, void, void> {
  while (world.timeline.nextAt <= ms) {
    world.timeline.step();
    yield;
    world.checkers.check();
  }
}

/** The verdict of a world that ended. */
function verdictOf(
  world: World,
  broken: Broken | null,
): Verdict {
  const excuse = broken === null ? null : excuseOf(world, broken);
  return {
    seed: world.plan.seed,
    broken: excuse === null ? broken : null,
    excuse,
    hits: world.hits,
    promotions: world.checkers.promotions,
    commits: world.checkers.commits,
    trace: world.trace ?? [],
  };
}

function excuseOf(world: World, broken: Broken): Verdict["excuse"] {
  const isQuorum = world.plan.settings.synchronousMode === "quorum";
  const isLost = broken.promise === "lost commit" && isQuorum;
  if (broken.promise !== "liveness" && !isLost) return null;
  if (hasTwinTimeline(world)) return "twin_timelines";
  if (isAllLost(world)) return "all_lost";
  return isBootstrapInterrupted(world) ? "interrupted_bootstrap" : null;
}

/** A failure as verdict; what is no violation is a crash. */
function brokenOf(world: World, error: unknown): Broken {
  const atMs = world.timeline.now;
  if (error instanceof Violation) {
    return { promise: error.promise, detail: error.message, atMs };
  }
  const detail = error instanceof Error
    ? error.stack ?? error.message
    : String(error);
  return { promise: "crash", detail, atMs };
}
