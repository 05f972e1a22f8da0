import assert from "node:assert/strict";
import { ManualClock } from "../../tests/helpers/manual_clock.ts";
import { threeMembers } from "../../tests/helpers/stub_agent_api.ts";
import { ClusterFeed, type Watcher } from "./feed.ts";

class Page implements Watcher {
  readonly texts: string[] = [];

  send(bytes: Uint8Array<ArrayBuffer>): boolean {
    this.texts.push(new TextDecoder().decode(bytes));
    return true;
  }

  end(): void {}
}

Deno.test("feed: nothing runs while nobody watches, and a page begins with the lag all the same", async () => {
  const clock = new ManualClock();
  const feed = new ClusterFeed({
    clock,
    onlooker: { look: () => Promise.resolve([]) },
    source: () => ({
      ...{ scope: "main", shownBy: "n1", view: threeMembers(), proxy: null },
      ...{ storeAwaySinceMs: null, hasActions: false },
    }),
    onError: (error) => {
      throw error;
    },
  });
  const ending = new AbortController();
  const running = feed.run(ending.signal);
  for (let cycle = 0; cycle < 6; cycle++) {
    await clock.advance(10_000);
    assert.equal(clock.sleepers, 0);
    feed.seen();
    feed.seen();
  }
  const page = new Page();
  const unwatch = feed.watch(page);
  const [, all = ""] = /^event: all\ndata: (.*)\n/.exec(page.texts[0] ?? "") ??
    [];
  const { lag } = JSON.parse(all);
  assert.equal(lag.n2?.length, 11, all);
  await clock.advance(0);
  assert.equal(clock.sleepers, 1);
  unwatch?.();
  await clock.advance(1_000);
  assert.equal(clock.sleepers, 0);
  ending.abort();
  await running;
});
