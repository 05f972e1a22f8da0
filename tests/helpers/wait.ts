/** Waiting for conditions, with a deadline. */
import assert from "node:assert/strict";

/** Each look costs the servers something: soon at first, then less often. */
const LOOK_AGAIN_MS = 50;
const LOOK_AGAIN_MS_MAX = 200;
const LATER = 1.2;

/** How long to wait, and what to say when it was in vain. */
export interface Patience {
  readonly limitMs: number;
  /** Added to the failure. */
  readonly report?: () => Promise<string>;
}

/** Waits until `look` gives something other than null or false. */
export async function untilIt<T>(
  what: string,
  look: () => Promise<T | null | false>,
  { limitMs, report }: Patience = { limitMs: 10_000 },
): Promise<T> {
  const deadline = performance.now() + limitMs;
  let failure: unknown = null;
  let pauseMs = LOOK_AGAIN_MS;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== null && seen !== false) return seen;
      failure = null;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > deadline) {
      const facts = await report?.() ?? "";
      const last = Deno.inspect(failure);
      assert.fail(`Never happened: ${what}. Last failure: ${last}\n${facts}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    pauseMs = Math.min(LOOK_AGAIN_MS_MAX, pauseMs * LATER);
  }
}
