/**
 * One seed from its plan to its verdict: safety under faults, then everything is
 * healed, then the cluster must become whole in bounded time.
 */
import { setImmediate } from "node:timers";
import type { PlantedBug } from "./agent/bugs.ts";
import { AgentDriver } from "./agent/driver.ts";
import { runMicrotasks } from "./agent/microtasks.ts";
import { Violation } from "./world/checkers.ts";
import { isAllLost, isSurvivorUnlisted } from "./world/data_loss.ts";
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
    | "survivor_unlisted"
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
  readonly bug?: PlantedBug;
  readonly isTraced?: boolean;
}

const LOOK_EVERY_MS = 1_000;

/** In a row; one alone may be luck. */
const WHOLE_LOOKS = 3;

/** Runs a seed. */
export async function runSeed(
  seed: number,
  options: SeedOptions = {},
): Promise<Verdict> {
  const stray = new StrayFailures();
  const world = new World(planOf(seed), options.isTraced ? [] : null);
  const driver = new AgentDriver(world, options.bug);
  const broken = await asMacrotask(() => live(world, driver));
  // Only now the runtime tells of rejections that nobody handled.
  await asMacrotask(() => undefined);
  const failure = stray.close();
  const isStray = broken === null && failure !== null;
  return verdictOf(world, isStray ? brokenOf(world, failure) : broken);
}

/** The whole life of a world; null: every promise was kept. */
function live(world: World, driver: AgentDriver): Broken | null {
  try {
    world.connect(driver);
    return lifeOf(world);
  } catch (error) {
    return brokenOf(world, error);
  } finally {
    driver.close();
  }
}

/** Runs `work` outside of all promises. */
function asMacrotask<T>(work: () => T): Promise<T> {
  return new Promise((resolve, reject) =>
    setImmediate(() => {
      try {
        resolve(work());
      } catch (error) {
        reject(error);
      }
    })
  );
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

  /** The first of them; null: there was none. */
  close(): unknown {
    removeEventListener("unhandledrejection", this.#listener);
    return this.#first;
  }
}

/** Safety under faults, then liveness. */
function lifeOf(world: World): Broken | null {
  const { safetyMs } = world.plan;
  planFaults(world);
  advanceTo(world, safetyMs);
  heal(world);
  const until = safetyMs + livenessMs(world.plan);
  let wholeLooks = 0;
  for (let at = safetyMs; at < until; at += LOOK_EVERY_MS) {
    advanceTo(world, at);
    wholeLooks = flawOf(world) === null ? wholeLooks + 1 : 0;
    if (wholeLooks < WHOLE_LOOKS) continue;
    const leader = world.site(world.driver.leader() ?? "");
    if (leader !== null) world.checkers.checkContent(leader);
    world.checkers.check();
    return null;
  }
  const detail = flawOf(world) ?? "it does not last";
  return { promise: "liveness", detail, atMs: until };
}

function advanceTo(world: World, ms: number): void {
  const { timeline, checkers } = world;
  runMicrotasks();
  while (timeline.nextAt <= ms) {
    timeline.step();
    runMicrotasks();
    checkers.check();
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
  if (isSurvivorUnlisted(world)) return "survivor_unlisted";
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
