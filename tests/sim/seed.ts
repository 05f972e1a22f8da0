/**
 * One seed from its plan to its verdict: safety under faults, then everything is
 * healed, then the cluster must become whole in bounded time.
 */
import { FastDriver } from "./fast/driver.ts";
import type { PlantedBug } from "./fast/lease_model.ts";
import { Violation } from "./world/checkers.ts";
import { heal, planFaults } from "./world/faults.ts";
import {
  flawOf,
  hasTwinTimeline,
  isBootstrapInterrupted,
} from "./world/liveness.ts";
import { livenessMs, type Plan, planOf } from "./world/plan.ts";
import { World } from "./world/world.ts";

/** What became of a seed. */
export interface Verdict {
  readonly seed: number;
  /** Null: every promise was kept. */
  readonly broken: Broken | null;
  /** Why liveness was not asked for; null: it was. */
  readonly excuse: "twin_timelines" | "interrupted_bootstrap" | null;
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

/** Runs a seed in the fast mode. */
export function runFast(seed: number, options: SeedOptions = {}): Verdict {
  const plan = planOf(seed);
  const world = new World(plan, options.isTraced ? [] : null);
  world.connect(new FastDriver(world, options.bug));
  planFaults(world);
  const broken = guarded(world, () => {
    advanceTo(world, plan.safetyMs);
    heal(world);
    return awaitWhole(world, plan);
  });
  return verdictOf(world, broken);
}

/** The verdict of a world that ended. */
export function verdictOf(
  world: World,
  broken: Broken | null,
): Verdict {
  const excuse = broken?.promise === "liveness" ? excuseOf(world) : null;
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

function excuseOf(world: World): Verdict["excuse"] {
  if (hasTwinTimeline(world)) return "twin_timelines";
  return isBootstrapInterrupted(world) ? "interrupted_bootstrap" : null;
}

function guarded(world: World, act: () => Broken | null): Broken | null {
  try {
    return act();
  } catch (error) {
    return brokenOf(world, error);
  }
}

/** A failure as verdict; what is no violation is a crash. */
export function brokenOf(world: World, error: unknown): Broken {
  const atMs = world.timeline.now;
  if (error instanceof Violation) {
    return { promise: error.promise, detail: error.message, atMs };
  }
  const detail = error instanceof Error
    ? error.stack ?? error.message
    : String(error);
  return { promise: "crash", detail, atMs };
}

function advanceTo(world: World, ms: number): void {
  while (world.timeline.nextAt <= ms) {
    world.timeline.step();
    world.checkers.check();
  }
}

function awaitWhole(world: World, plan: Plan): Broken | null {
  const until = plan.safetyMs + livenessMs(plan);
  let wholeLooks = 0;
  for (let at = plan.safetyMs; at < until; at += LOOK_EVERY_MS) {
    advanceTo(world, at);
    wholeLooks = flawOf(world) === null ? wholeLooks + 1 : 0;
    if (wholeLooks < 3) continue;
    const leader = world.site(world.driver.leader() ?? "");
    if (leader !== null) world.checkers.checkContent(leader);
    return null;
  }
  const detail = flawOf(world) ?? "it does not last";
  return { promise: "liveness", detail, atMs: until };
}
