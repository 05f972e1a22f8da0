/**
 * The demo: four failures of the leader while a client writes, unattended. It
 * succeeds only when every step healed, all members stream again and no
 * acknowledged row is missing.
 */
import { MeterProcess } from "./meter_process.ts";
import { connectionString } from "./plan.ts";
import { ownProgram, type RunningLab } from "./running_lab.ts";
import {
  runStep,
  STEP_KINDS,
  STEP_TITLES,
  type StepKind,
  type StepResult,
} from "./steps.ts";
import { stepLines } from "./texts.ts";

/** How the demo ended. */
export interface DemoResult {
  readonly isGood: boolean;
  readonly steps: readonly StepResult[];
  /** Why it is not good; null if it is. */
  readonly problem: string | null;
  readonly seconds: number;
}

function say(text: string): void {
  console.error(`lab: ${text}`);
}

function startMeter(lab: RunningLab): MeterProcess {
  const url = connectionString(lab.plan, lab.plan.proxy.primary);
  return new MeterProcess(
    {
      ...ownProgram("lab", "meter"),
      mark: `${lab.plan.directory}/meter`,
    },
    { url, table: "lab_rows", pauseMs: 10, silenceMs: 15_000 },
  );
}

async function runSteps(
  lab: RunningLab,
  steps: StepResult[],
  signal: AbortSignal,
): Promise<void> {
  say("waiting until all members stream");
  await lab.cluster.untilWhole(signal);
  const meter = startMeter(lab);
  try {
    for (const kind of STEP_KINDS) {
      say(announcement(lab, kind));
      const ctx = { cluster: lab.cluster, meter, signal };
      steps.push(await runStep(ctx, kind));
    }
  } finally {
    await meter[Symbol.asyncDispose]();
  }
}

function announcement(lab: RunningLab, kind: StepKind): string {
  const title = STEP_TITLES[kind];
  return kind === "lose_member"
    ? `${title}; takeover is on, so nobody waits for the ttl of ` +
      `${lab.plan.timing.ttl} s`
    : title;
}

/** Runs all steps on a started lab. Never throws for what the lab did wrong. */
export async function runDemo(
  lab: RunningLab,
  signal: AbortSignal,
): Promise<DemoResult> {
  const begin = performance.now();
  const steps: StepResult[] = [];
  let problem: string | null = null;
  try {
    await runSteps(lab, steps, signal);
    const lost = steps.reduce((sum, step) => sum + step.lost, 0);
    if (lost > 0) problem = `${lost} acknowledged rows are missing`;
  } catch (error) {
    const step = STEP_KINDS[steps.length];
    const where = step === undefined ? "" : `${STEP_TITLES[step]}: `;
    problem = where + (error instanceof Error ? error.message : String(error));
  }
  const seconds = Math.round((performance.now() - begin) / 1000);
  return { isGood: problem === null, steps, problem, seconds };
}

/** The demo's result as people read it. */
export function demoText(result: DemoResult): string {
  const verdict = result.isGood
    ? `Every step healed, no acknowledged row is lost (${result.seconds} s).`
    : `FAILED: ${result.problem}`;
  return [...stepLines(result.steps), "", verdict].join("\n");
}
