/**
 * The four things that can happen to a leader, and what the client felt of
 * each: the steps of the demo and the scenarios of the benchmark.
 */
import { leaderOf } from "./cluster_status.ts";
import type { LabCluster } from "./lab_cluster.ts";
import type { MeterProcess } from "./meter_process.ts";
import { pause, waitFor } from "./wait.ts";

/** What is done to the leader. */
export type StepKind =
  | "switchover"
  | "kill_postmaster"
  | "stop_agent"
  | "lose_member";

/** All steps in the order of the demo. */
export const STEP_KINDS: readonly StepKind[] = [
  "switchover",
  "kill_postmaster",
  "stop_agent",
  "lose_member",
];

/** What people read. */
export const STEP_TITLES: Readonly<Record<StepKind, string>> = {
  switchover: "switchover",
  kill_postmaster: "kill -9 of the postmaster",
  stop_agent: "clean stop of the leader's agent",
  lose_member: "loss of the member (kill -9 of all)",
};

/** One step as measured. */
export interface StepResult extends ActResult {
  readonly kind: StepKind;
}

/** What the client felt. */
export interface ActResult {
  readonly oldLeader: string;
  readonly newLeader: string;
  readonly gapMs: number;
  readonly errors: number;
  readonly acknowledged: number;
  readonly lost: number;
}

/** The parts of a step. */
export interface StepContext {
  readonly cluster: LabCluster;
  readonly meter: MeterProcess;
  /** Pause before the step in milliseconds, so that it meets the agents' loops at any moment. */
  readonly delayMs?: number;
  readonly signal?: AbortSignal;
}

/** Rows that must be acknowledged before the step, and after it healed. */
const WARM_UP_ROWS = 50;

/** Does something to the leader. */
export type StepAct = (cluster: LabCluster, leader: string) => Promise<void>;

/** What a step of that kind does. */
export function actOf(kind: StepKind): StepAct {
  switch (kind) {
    case "switchover":
      return (cluster, leader) => cluster.switchover(leader);
    case "kill_postmaster":
      return (cluster, leader) => {
        cluster.agents.killPostmaster(leader);
        return Promise.resolve();
      };
    case "stop_agent":
      return (cluster, leader) => cluster.agents.stop(leader);
    case "lose_member":
      return (cluster, leader) => cluster.agents.killAll(leader);
  }
}

/** Waits until `rows` more rows are acknowledged, counted from now on. */
async function untilWritten(ctx: StepContext, rows: number): Promise<void> {
  const start = (await ctx.meter.report()).acknowledged;
  await waitFor("the client to write", async () => {
    const report = await ctx.meter.report();
    if (report.acknowledged >= start + rows) return true;
    throw new Error(report.lastError ?? "no row acknowledged");
  }, { timeoutMs: 90_000, ...(ctx.signal && { signal: ctx.signal }) });
}

/**
 * The client has felt the step and writes again. Every one of the four steps
 * ends its session, so an error must be seen first.
 */
async function untilHealed(ctx: StepContext): Promise<void> {
  await waitFor("the client to write again", async () => {
    const report = await ctx.meter.report();
    if (report.errors === 0) throw new Error("the client felt nothing");
    if (report.idleMs < 1000) return true;
    throw new Error(report.lastError ?? "no row acknowledged");
  }, { timeoutMs: 90_000, ...(ctx.signal && { signal: ctx.signal }) });
  await untilWritten(ctx, WARM_UP_ROWS);
}

/**
 * Does one step to the present leader and waits until the cluster is whole.
 *
 * @throws {LabTimeoutError} If it does not heal.
 */
export async function runStep(
  ctx: StepContext,
  kind: StepKind,
): Promise<StepResult> {
  const act = actOf(kind);
  return { kind, ...await runAct(ctx, { act }) };
}

/** What is done, and around it. */
export interface ActPlan {
  readonly act: StepAct;
  /** Before the measurement begins. */
  readonly prepare?: (leader: string) => Promise<void>;
  /** When the client writes again. */
  readonly undo?: () => Promise<void>;
}

/**
 * The same with anything that may be done to a leader. An agent that has ended is
 * started again.
 *
 * @throws {LabTimeoutError} If it does not heal.
 */
export async function runAct(
  ctx: StepContext,
  { act, prepare, undo }: ActPlan,
): Promise<ActResult> {
  const { cluster, meter } = ctx;
  const oldLeader = leaderOf(await cluster.untilWhole(ctx.signal)) ?? "?";
  await prepare?.(oldLeader);
  await untilWritten(ctx, WARM_UP_ROWS);
  await meter.begin();
  await untilWritten(ctx, WARM_UP_ROWS);
  await pause(ctx.delayMs ?? 0, ctx.signal);
  try {
    await act(cluster, oldLeader);
    await untilHealed(ctx);
  } finally {
    await undo?.();
  }
  if (!cluster.agents.isRunning(oldLeader)) cluster.agents.start(oldLeader);
  const status = await cluster.untilWhole(ctx.signal);
  const report = await meter.report();
  const verdict = await meter.verify();
  return {
    oldLeader,
    newLeader: leaderOf(status) ?? "?",
    gapMs: report.gapMs,
    errors: report.errors,
    acknowledged: report.acknowledged,
    lost: verdict.lost,
  };
}
