/** Runs one stage of ./scripts/test and counts its result. */

import { countsPath, noteSecondAttempts } from "./attempt_counts.ts";
import { failedTests, filesToRepeat, tallyAfter } from "./second_attempt.ts";
import type { Stage } from "./stages.ts";
import { NOTHING, type Tally, tallyOf } from "./tally.ts";

/** What came of a stage. */
export interface StageResult {
  readonly tally: Tally;
  /** Why it did not do what a good stage does; null for a good one. */
  readonly complaint: string | null;
  /** Everything it printed, both streams in the order of arrival. */
  readonly output: string;
}

/** What a finished command says about a stage. */
export interface Ending {
  readonly success: boolean;
  readonly timedOut: boolean;
  readonly output: string;
}

/**
 * Counts a finished command as a stage of `kind`.
 *
 * A command that failed counts at least one failure, also when it printed
 * none (a type error, a crash, the time limit). A test stage in which no test
 * ran proves nothing, which is an error where `mustRun` says so.
 */
export function judge(
  kind: Stage["kind"],
  ending: Ending,
  mustRun: "must_run" | "may_be_empty",
): StageResult {
  const { success, timedOut, output } = ending;
  const counted = kind === "tests" ? tallyOf(output) : NOTHING;
  if (!success) {
    const complaint = timedOut ? "the time limit has passed" : "failed";
    const failed = Math.max(1, counted.failed);
    return { tally: { ...counted, failed }, complaint, output };
  }
  if (kind === "check") {
    return { tally: { ...NOTHING, passed: 1 }, complaint: null, output };
  }
  if (counted.passed > 0) return { tally: counted, complaint: null, output };
  const failed = mustRun === "must_run" ? 1 : 0;
  return {
    tally: { ...counted, failed },
    complaint: "no test ran",
    output,
  };
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

const NUDGE_MS = 200;
const NUDGES_MAX = 50;

/**
 * Ends the stage's whole process group, so that no test runs on: asks again
 * and again, because a process just born has no group yet, then insists.
 *
 * @returns The timer that the caller clears when the stage has ended.
 */
function endGroup(pid: number): ReturnType<typeof setInterval> {
  let nudges = 0;
  return setInterval(() => {
    nudges += 1;
    try {
      Deno.kill(-pid, nudges < NUDGES_MAX ? "SIGTERM" : "SIGKILL");
    } catch {
      // Not there yet, or not there any more.
    }
  }, NUDGE_MS);
}

/** Sends both streams to a file: a daemon that a test forgot holds no pipe. */
const TO_LOG = 'exec "$@" >"$0" 2>&1';
/** Each stage is a session; where the kernel groups those, only the group's word counts. */
const PATIENTLY =
  "{ echo 19 >/proc/self/autogroup; } 2>/dev/null; renice -n 19 $$ >/dev/null; ";

async function finish(
  stage: Stage,
  log: string,
  signal: AbortSignal,
): Promise<Ending> {
  const { command: [program = "", ...args], isPatient = false } = stage;
  const path = program === "deno" ? Deno.execPath() : program;
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", isPatient ? PATIENTLY + TO_LOG : TO_LOG, log, path, ...args],
    env: { NO_COLOR: "1", ...stage.env },
    stdin: "null",
    detached: true,
  }).spawn();
  let timer: ReturnType<typeof setInterval> | undefined;
  const stop = (): void => {
    timer = endGroup(child.pid);
  };
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop);
  try {
    const { success } = await child.status;
    const output = await Deno.readTextFile(log);
    return { success, timedOut: signal.aborted, output };
  } finally {
    signal.removeEventListener("abort", stop);
    clearInterval(timer);
  }
}

/** A stage that has run once. */
export interface StageRun {
  /** What came of it if nothing more is done. */
  readonly result: StageResult;
  /** Runs the files that failed once more; null: that is of no use. */
  readonly again: (() => Promise<StageResult>) | null;
}

/**
 * Runs `stage` to its end.
 *
 * @param log The file that gets everything it prints.
 * @param signal Ends the stage early, with all its processes.
 */
export async function runStage(
  stage: Stage,
  log: string,
  signal: AbortSignal,
): Promise<StageRun> {
  const mustRun = Deno.env.get("CI") === "true" ? "must_run" : "may_be_empty";
  if (stage.needs !== null && !exists(stage.needs)) {
    const nothing = { success: true, timedOut: false, output: "" };
    const result = judge("tests", nothing, mustRun);
    const complaint = `${stage.needs} is missing`;
    return { result: { ...result, complaint }, again: null };
  }
  const ending = await finish(stage, log, signal);
  const result = judge(stage.kind, ending, mustRun);
  const isOver = ending.success || ending.timedOut ||
    stage.repeat === undefined || filesToRepeat(ending.output).length === 0;
  if (isOver) return { result, again: null };
  const first = ending.output;
  return {
    result,
    again: async () => await repeated(stage, { log, signal, first }) ?? result,
  };
}

/**
 * The result when the files that failed pass alone; null: they do not, or nobody
 * tries. A test that needed that too often counts as failed.
 */
async function repeated(
  stage: Stage,
  { log, signal, first }: {
    readonly log: string;
    readonly signal: AbortSignal;
    readonly first: string;
  },
): Promise<StageResult | null> {
  const files = filesToRepeat(first);
  const command = [...stage.repeat ?? [], ...files];
  const again = await finish({ ...stage, command }, `${log}.again`, signal);
  if (!again.success) return null;
  const worn = noteSecondAttempts(countsPath(), failedTests(first));
  const tally = tallyAfter(first, again.output);
  return {
    tally: {
      ...tally,
      passed: tally.passed - worn.length,
      failed: worn.length,
    },
    complaint: worn.length > 0
      ? `passed only at the second attempt, once too often: ${worn.join("; ")}`
      : `passed only alone, at the second attempt: ${files.join(" ")}`,
    output: again.output,
  };
}
