/** Many seeds on all cores: one worker per core, each with its share. */
import type { SeedOptions, Verdict } from "./seed.ts";

/** Which seeds. */
export interface Swarm extends SeedOptions {
  readonly from: number;
  readonly to: number;
}

/** What a worker is told. */
export interface Share extends Swarm {
  readonly step: number;
}

/** Runs the seeds; the order of the verdicts is that of the seeds. */
export async function runSwarm(swarm: Swarm): Promise<readonly Verdict[]> {
  const cores = Math.min(navigator.hardwareConcurrency, 8);
  const shares = Array.from({ length: cores }, (_, index) => ({
    ...swarm,
    from: swarm.from + index,
    step: cores,
  }));
  const verdicts = await Promise.all(shares.map(runShare));
  return verdicts.flat().sort((a, b) => a.seed - b.seed);
}

function runShare(share: Share): Promise<readonly Verdict[]> {
  const url = new URL("swarm_worker.ts", import.meta.url);
  const worker = new Worker(url, { type: "module" });
  const { promise, resolve, reject } = Promise.withResolvers<
    readonly Verdict[]
  >();
  worker.onmessage = (event: MessageEvent<readonly Verdict[]>) => {
    resolve(event.data);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new Error(`worker failed: ${event.message}`));
  };
  worker.postMessage(share);
  return promise.finally(() => worker.terminate());
}
