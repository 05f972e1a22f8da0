/** An agent that speaks costs the watch over it no look; one that falls silent is ended. */
import assert from "node:assert/strict";
import { ManualClock } from "../tests/helpers/manual_clock.ts";
import type { AgentHeartbeat } from "../lib/ports/proxy_process.ts";
import { FrozenAgent } from "./frozen_agent.ts";

/** Counts the rests that ended because their time was over. */
class CountingClock extends ManualClock {
  looks = 0;

  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await super.sleep(ms, signal);
    if (!signal?.aborted) this.looks += 1;
  }
}

const GUARDED: AgentHeartbeat = {
  role: "primary",
  ...{ pid: 7, leaseDeadlineMs: null, aliveEveryMs: 1_000 },
  fence: {
    instance: "primary",
    ...{ isPaused: false, isStandingDown: false },
    ...{ stopBudgetMs: 5_000, leaderRevision: null, vips: [] },
  },
};

Deno.test("frozen agent: no look while words come, an end three words later", async () => {
  const clock = new CountingClock();
  const ended: number[] = [];
  const watch = new FrozenAgent({
    clock,
    log: { error: () => {} },
    endProcess: (pid) => void ended.push(pid),
  });
  watch.heard(GUARDED);
  for (let word = 0; word < 60; word++) {
    await clock.advance(1_000);
    watch.spoke();
    await clock.advance(0);
  }
  assert.equal(clock.looks, 0);
  const silentSince = clock.now();
  while (ended.length === 0) await clock.advance(10);
  assert.deepEqual(ended, [7]);
  const silentMs = clock.now() - silentSince;
  assert.ok(silentMs > 3_000 && silentMs < 3_500, `${silentMs} ms`);
  assert.equal(watch.stillSince, silentSince);
  watch.end();
});
