/**
 * The simulator on the command line:
 *
 *     deno task sim --seed 17               one seed, with its trace
 *     deno task sim --seeds 1-20000         many, with what they broke
 *     deno task sim --seeds 1-20000 --report   and how often each rule decided
 *
 * `--mode fast` (the rules on models, the default) or `--mode real` (the agent
 * on memory ports); `--bug NAME` plants a bug in the fast mode.
 */
import { runFast, type SeedOptions, type Verdict } from "./seed.ts";
import { summarize } from "./summary.ts";

function main(args: readonly string[]): void {
  const option = (name: string): string | null => {
    const index = args.indexOf(`--${name}`);
    return index < 0 ? null : args[index + 1] ?? null;
  };
  const one = option("seed");
  const bug = (option("bug") ?? "none") as SeedOptions["bug"] & string;
  if (one !== null) return show(runFast(Number(one), { bug, isTraced: true }));
  const [from = 1, to = 1000] = (option("seeds") ?? "1-1000").split("-")
    .map(Number);
  const startedAt = performance.now();
  const verdicts: Verdict[] = [];
  for (let seed = from; seed <= to; seed++) {
    verdicts.push(runFast(seed, { bug }));
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const summary = summarize(verdicts);
  console.log(summary.text(args.includes("--report")));
  console.log(`${verdicts.length} seeds in ${seconds.toFixed(1)} s`);
  if (summary.broken.length > 0) Deno.exitCode = 1;
}

function show(verdict: Verdict): void {
  for (const line of verdict.trace) console.log(line);
  const { broken, seed } = verdict;
  if (broken === null) return console.log(`seed ${seed}: every promise kept`);
  console.log(`seed ${seed}: ${broken.detail} at ${broken.atMs} ms`);
  Deno.exitCode = 1;
}

main(Deno.args);
