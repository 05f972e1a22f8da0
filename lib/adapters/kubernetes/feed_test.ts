import assert from "node:assert/strict";
import { type Moment, moment } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsChange } from "../../ports/dcs.ts";
import { ScopeFeed } from "./feed.ts";
import { ScopeState } from "./state.ts";
import type { KubeObject } from "./wire.ts";

/** A clock that a test sets; each look at it takes a moment. */
class SteppedClock implements Clock {
  at = 0;
  readonly sleepers: (() => void)[] = [];

  now(): Moment {
    this.at += 0.1;
    return moment(this.at);
  }

  wallTimeMs(): number {
    return 0;
  }

  sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.sleepers.push(resolve);
      signal?.addEventListener("abort", () => resolve());
    });
  }
}

function leader(version: bigint): KubeObject {
  return {
    ...{ name: "batman-leader", version, labels: {}, subsets: "[]" },
    annotations: { leader: "n1", ttl: "1", renewTime: String(version) },
    ...{ uid: "", podIp: null, nodeName: null },
  };
}

Deno.test("the end of a silent leader is told, however late the timer's look is", async () => {
  const labels = {};
  const layout = {
    namespace: "d",
    base: "batman",
    hasEndpoints: false,
    labels,
  };
  // Wherever within a look the leader's time ends, somebody looks again.
  for (let early = 0; early < 2; early += 0.05) {
    const clock = new SteppedClock();
    const now = () => clock.now();
    const state = new ScopeState({ layout, now, defaultTtlMs: () => 1 });
    const feed = new ScopeFeed(state, clock, () => {});
    const told: DcsChange[] = [];
    const ending = new AbortController();
    feed.listeners.add({
      onChange: (change) => told.push(change),
      onReset: () => {},
    }, ending.signal);
    feed.stand();
    state.part("objects").takeNext(leader(1n));
    const end = state.leaderEnd;
    assert.ok(end !== null);
    feed.look();
    clock.at = end - early;
    for (let looks = 0; looks < 3; looks++) {
      for (const wake of clock.sleepers.splice(0)) wake();
      await Promise.resolve();
      await Promise.resolve();
      clock.at += 2;
    }
    assert.deepEqual(told.map(({ value }) => value), ["n1", null], `${early}`);
    feed.close();
  }
});
