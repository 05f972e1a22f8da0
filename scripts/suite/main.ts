/**
 * ./scripts/test: installs what is missing, runs every stage in order and
 * closes with the line "N passed, N failed". The exit code is 0 only if
 * nothing failed. Names of stages as arguments run only those.
 *
 * The whole output of each stage is kept in .cache/test.
 */

import { countsPath, countsText, readCounts } from "./attempt_counts.ts";
import { isReadable, runInCopy } from "./readable_copy.ts";
import { runStage, type StageResult, type StageRun } from "./run_stage.ts";
import {
  chosen,
  groups,
  lanes,
  LEFT_OUT,
  PACKAGES,
  type Stage,
  STAGES,
} from "./stages.ts";
import { add, NOTHING, type Tally } from "./tally.ts";

/** Two and a half times what two idle cores take; continuous integration ends at 90 minutes. */
const SUITE_MS_MAX = 75 * 60_000;
/** All that the suite leaves out takes hours. */
const LEFT_OUT_MS_MAX = 6 * 60 * 60_000;
const LOGS = ".cache/test";
const SHOWN_LINES_MAX = 150;
const INSIDE = "MATRIARCH_SUITE";

function lastLines(text: string): string {
  const lines = text.trimEnd().split("\n");
  return lines.slice(-SHOWN_LINES_MAX).join("\n");
}

function line(stage: Stage, result: StageResult, ms: number): string {
  const { passed, failed, ignored } = result.tally;
  const counts = stage.kind === "check" && failed === 0 && passed === 1
    ? "ok"
    : `${passed} passed, ${failed} failed` +
      (ignored > 0 ? `, ${ignored} ignored` : "");
  const note = result.complaint === null ? "" : `: ${result.complaint}`;
  const seconds = `${(ms / 1000).toFixed(1)} s`;
  return `${stage.name.padEnd(12)} ${seconds.padStart(8)}  ${counts}${note}`;
}

async function prepare(program: string, args: string[]): Promise<boolean> {
  const child = new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  });
  return (await child.output()).success;
}

async function prepareAll(): Promise<boolean> {
  const deno = Deno.execPath();
  return await prepare(deno, [
    "run",
    "--allow-all",
    "--quiet",
    "scripts/packages.ts",
    ...PACKAGES,
  ]) && await prepare(deno, ["install", "--quiet", "--frozen"]);
}

/** Aborted at the time limit, and when somebody ends the suite early. */
function endOfSuite(limitMs: number): AbortSignal {
  const ended = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => ended.abort());
  }
  return AbortSignal.any([ended.signal, AbortSignal.timeout(limitMs)]);
}

/** A stage, what came of it, and how long that took. */
interface Ran extends StageRun {
  readonly stage: Stage;
  readonly ms: number;
}

async function runAll(stages: readonly Stage[]): Promise<Tally> {
  const isLong = stages.some((stage) => LEFT_OUT.includes(stage));
  const limit = endOfSuite(isLong ? LEFT_OUT_MS_MAX : SUITE_MS_MAX);
  await Deno.mkdir(LOGS, { recursive: true });
  let total = NOTHING;
  for (const group of groups(stages)) {
    const ran = await Promise.all(
      lanes(group).map((lane) => runLane(lane, limit)),
    );
    for (const one of ran.flat()) {
      total = add(total, await settled(one, limit));
    }
  }
  return total;
}

/** One after the other. */
async function runLane(
  lane: readonly Stage[],
  limit: AbortSignal,
): Promise<readonly Ran[]> {
  const ran: Ran[] = [];
  for (const stage of lane) {
    if (limit.aborted) {
      ran.push({ stage, ms: 0, result: NOT_RUN, again: null });
      console.log(line(stage, NOT_RUN, 0));
      continue;
    }
    const begin = performance.now();
    const log = `${LOGS}/${stage.name.replaceAll(" ", "-")}.log`;
    const run = await runStage(stage, log, limit);
    const ms = performance.now() - begin;
    ran.push({ stage, ms, ...run });
    if (run.again === null) tell(stage, run.result, ms);
    else {console.log(
        `${stage.name.padEnd(12)}  some files once more, at the end`,
      );}
  }
  return ran;
}

/** What a stage comes to, with the second attempt of its files, which nothing runs beside. */
async function settled(
  { stage, result, again, ms }: Ran,
  limit: AbortSignal,
): Promise<Tally> {
  if (again === null) return result.tally;
  const begin = performance.now();
  const last = limit.aborted ? result : await again();
  tell(stage, last, ms + performance.now() - begin);
  return last.tally;
}

const NOT_RUN: StageResult = {
  tally: { ...NOTHING, failed: 1 },
  complaint: "not run, the time limit has passed",
  output: "",
};

function tell(stage: Stage, result: StageResult, ms: number): void {
  if (result.tally.failed > 0) console.log(lastLines(result.output));
  console.log(line(stage, result, ms));
}

async function main(): Promise<number> {
  // A stage that starts the suite would do so for ever.
  if (Deno.env.get(INSIDE)) {
    console.error("test: a stage of ./scripts/test may not start it again");
    return 2;
  }
  Deno.env.set(INSIDE, "1");
  const stages = chosen(Deno.args);
  if (stages === null) {
    const names = [...STAGES, ...LEFT_OUT].map((stage) => stage.name);
    console.error(`test: the stages are: ${names.join(", ")}`);
    return 2;
  }
  const isPrepared = await prepareAll();
  if (isPrepared && !isReadable()) {
    return await runInCopy(Deno.args, { [INSIDE]: "" });
  }
  const total = isPrepared ? await runAll(stages) : { ...NOTHING, failed: 1 };
  const counts = countsText(countsPath(), readCounts(countsPath()));
  if (counts !== "") console.log(counts);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main());
