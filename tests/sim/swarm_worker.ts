/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** One worker of a swarm: runs its share of the seeds and sends the verdicts back. */
import { runSeed, type Verdict } from "./seed.ts";
import type { Share } from "./swarm.ts";

// Nobody reads the stacks of these failures, and most are expected. One seed
// alone, as the command line runs it, has them.
Error.stackTraceLimit = 0;

self.onmessage = async (event: MessageEvent<Share>): Promise<void> => {
  const { from, to, step, ...options } = event.data;
  const verdicts: Verdict[] = [];
  for (let seed = from; seed <= to; seed += step) {
    verdicts.push(await runSeed(seed, options));
  }
  self.postMessage(verdicts);
};
