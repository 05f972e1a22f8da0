/**
 * The simulator on the command line:
 *
 *     deno task sim --seed 17                  one seed, with its trace
 *     deno task sim --seeds 1-20000            many, with what they broke
 *     deno task sim --seeds 1-20000 --report   and how often each rule decided
 *
 * `--bug NAME` plants a bug.
 */
import { parseArgs } from "node:util";
import { isPlantedBug } from "./agent/bugs.ts";
import { runSeed, type SeedOptions, type Verdict } from "./seed.ts";
import { summarize } from "./summary.ts";
import { runSwarm } from "./swarm.ts";

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: "string" },
      seeds: { type: "string", default: "1-1000" },
      bug: { type: "string", default: "none" },
      report: { type: "boolean", default: false },
    },
  });
  if (!isPlantedBug(values.bug)) {
    console.error(`No such bug: ${values.bug}`);
    return 2;
  }
  const options = { bug: values.bug };
  if (values.seed !== undefined) {
    const seed = Number(values.seed);
    return show(await runSeed(seed, { ...options, isTraced: true }));
  }
  const [from = 1, to = from] = values.seeds.split("-").map(Number);
  return await many({ from, to }, options, values.report ? "long" : "short");
}

async function many(
  range: { readonly from: number; readonly to: number },
  options: SeedOptions,
  length: "short" | "long",
): Promise<number> {
  const startedAt = performance.now();
  const verdicts = await runSwarm({ ...range, ...options });
  const seconds = (performance.now() - startedAt) / 1000;
  const summary = summarize(verdicts);
  console.log(summary.text(length));
  console.log(`${verdicts.length} seeds in ${seconds.toFixed(1)} s`);
  return summary.broken.length === 0 ? 0 : 1;
}

function show(verdict: Verdict): number {
  for (const line of verdict.trace) console.log(line);
  const { broken, seed } = verdict;
  const text = broken === null
    ? `every promise kept${
      verdict.excuse === null ? "" : ` (${verdict.excuse})`
    }`
    : `${broken.detail} at ${Math.round(broken.atMs)} ms`;
  console.log(`seed ${seed}: ${text}`);
  return broken === null ? 0 : 1;
}

Deno.exitCode = await main(Deno.args);
