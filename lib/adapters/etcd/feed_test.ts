/** How long the cache counts as current, on a clock that is moved by hand. */
import assert from "node:assert/strict";
import { ManualClock } from "../../../tests/helpers/manual_clock.ts";
import { type Moment, moment } from "../../core/base/units.ts";
import type { DcsHint } from "../../ports/dcs.ts";
import { DcsUnreachableError } from "../../ports/errors.ts";
import { type FeedSource, ScopeFeed } from "./feed.ts";
import { type Counter, ScopeKeys, type StoredScope } from "./keys.ts";
import type { WatchReceiver } from "./watch_stream.ts";

const DUE_MS = 12_000;
const VALID_MS = 16_000;
const RESTART_MS = 200;

/** A store of one key `leader`; reads and watches are counted. */
class FakeSource implements FeedSource {
  reads = 0;
  watches = 0;
  left = 0;
  isSilent = false;
  isWatchRefused = false;
  isLeft = false;
  receiver: WatchReceiver | null = null;
  store: StoredScope = { at: 1n, entries: [] };

  constructor(readonly clock: ManualClock) {}

  async read(timeoutMs: number) {
    this.reads += 1;
    const askedAt = this.clock.now();
    if (this.isSilent) {
      await this.clock.sleep(timeoutMs);
      throw new DcsUnreachableError("silent");
    }
    return { value: this.store, askedAt, isRepeated: false };
  }

  openWatch(_from: Counter, receiver: WatchReceiver) {
    this.watches += 1;
    this.receiver = receiver;
    const isStanding = !this.isWatchRefused;
    return Promise.resolve({
      stream: {
        untilStanding: () => Promise.resolve(isStanding),
        cancel: () => {},
      },
      leaveEndpoint: () => {
        this.left += 1;
      },
      isLeft: () => this.isLeft,
    });
  }

  /** The key takes `value` in the store. */
  change(value: string): void {
    const at = this.store.at + 1n;
    const entry = { key: "leader", value, at, leaseId: null };
    this.store = { at, entries: [entry] };
  }

  /** What a watch says when etcd reports its progress. */
  progress(): void {
    this.receiver?.onResponse({
      header: {
        ...{ cluster_id: "1", member_id: "1", raft_term: "1" },
        revision: String(this.store.at),
      },
      ...{ watch_id: "0", created: false, canceled: false },
      ...{ compact_revision: "0", cancel_reason: "", fragment: false },
      events: [],
    });
  }
}

function proofOf(mark: string, askedAt: Moment): DcsHint {
  return { kind: "proof", proof: { mark, askedAt } };
}

async function withFeed(
  test: (parts: {
    readonly clock: ManualClock;
    readonly source: FakeSource;
    readonly feed: ScopeFeed;
    readonly counts: { resets: number };
  }) => Promise<void>,
): Promise<void> {
  const clock = new ManualClock();
  const source = new FakeSource(clock);
  const keys = new ScopeKeys("/service/a");
  const feed = new ScopeFeed({ source, keys, clock });
  const counts = { resets: 0 };
  const ending = new AbortController();
  feed.add(
    { onChange: () => {}, onReset: () => counts.resets += 1 },
    ending.signal,
  );
  await clock.advance(0);
  assert.equal(counts.resets, 1);
  await test({ clock, source, feed, counts });
  ending.abort();
  const closed = feed.close();
  await clock.advance(60_000);
  await closed;
}

Deno.test("a silent watch is proven by one read when it is due", () =>
  withFeed(async ({ clock, source, feed }) => {
    assert.equal(source.reads, 1);
    await clock.advance(DUE_MS - 1);
    assert.equal(source.reads, 1);
    await clock.advance(1);
    assert.equal(source.reads, 2);
    await clock.advance(DUE_MS - 1);
    assert.equal(source.reads, 2);
    assert.notEqual(feed.current(null), null);
    await clock.advance(1);
    assert.deepEqual([source.reads, source.watches], [3, 1]);
  }));

Deno.test("renewals at the known revision make the read needless", () =>
  withFeed(async ({ clock, source, feed }) => {
    for (let cycle = 0; cycle < 10; cycle++) {
      await clock.advance(10_000);
      feed.prove(source.store.at, clock.now());
    }
    assert.deepEqual([source.reads, source.watches], [1, 1]);
    assert.notEqual(feed.current(null), null);
  }));

Deno.test("a renewal at a revision that the cache lacks proves nothing", () =>
  withFeed(async ({ clock, source, feed }) => {
    await clock.advance(10_000);
    feed.prove(2n, clock.now());
    await clock.advance(2000);
    assert.equal(source.reads, 2);
  }));

Deno.test("what another process of the host was answered makes the read needless", () =>
  withFeed(async ({ clock, source, feed }) => {
    const agent = new ScopeFeed({
      ...{ source, clock },
      keys: new ScopeKeys("/service/a"),
    });
    agent.start();
    await clock.advance(0);
    const reads = source.reads;
    for (let cycle = 0; cycle < 10; cycle++) {
      await clock.advance(10_000);
      agent.prove(source.store.at, clock.now());
      const proof = agent.proof();
      assert.ok(proof !== null);
      feed.takeHint({ kind: "proof", proof });
    }
    assert.equal(source.reads, reads);
    assert.notEqual(feed.current(null), null);
    const closed = agent.close();
    await clock.advance(60_000);
    await closed;
    assert.equal(agent.proof(), null);
  }));

Deno.test("a proof of a later change, or from the future, proves nothing", () =>
  withFeed(async ({ clock, source, feed }) => {
    await clock.advance(10_000);
    feed.takeHint(proofOf("2", clock.now()));
    feed.takeHint(proofOf("1", moment(10_001)));
    await clock.advance(2000);
    assert.equal(source.reads, 2);
  }));

Deno.test("an answer counts from when it was asked for", () =>
  withFeed(async ({ clock, source, feed }) => {
    const askedAt = clock.now();
    await clock.advance(11_000);
    feed.prove(source.store.at, askedAt);
    await clock.advance(1000);
    assert.equal(source.reads, 2);
  }));

Deno.test("etcd's progress report is a proof", () =>
  withFeed(async ({ clock, source, feed }) => {
    await clock.advance(10_000);
    source.progress();
    await clock.advance(DUE_MS - 1);
    assert.equal(source.reads, 1);
    assert.notEqual(feed.current(null), null);
  }));

Deno.test("a proof that fails ends the session, and later a new one begins", () =>
  withFeed(async ({ clock, source, feed, counts }) => {
    source.isSilent = true;
    await clock.advance(DUE_MS);
    assert.notEqual(feed.current(null), null);
    await clock.advance(3000);
    assert.equal(feed.current(null), null);
    source.isSilent = false;
    await clock.advance(5000);
    await clock.advance(200);
    assert.equal(counts.resets, 2);
    assert.notEqual(feed.current(null), null);
  }));

Deno.test("without a proof the cache is no answer, even if nobody looked", () =>
  withFeed(async ({ clock, feed }) => {
    // As after a suspension: time has passed, no timer has run yet.
    const almost = clock.advance(VALID_MS - 1);
    assert.notEqual(feed.current(null), null);
    const passing = clock.advance(1);
    assert.equal(feed.current(null), null);
    await Promise.all([almost, passing]);
    assert.notEqual(feed.current(null), null);
  }));

Deno.test("a watch that missed a change is found out by the read", () =>
  withFeed(async ({ clock, source, feed, counts }) => {
    source.change("n2");
    await clock.advance(DUE_MS);
    assert.equal(feed.current(null), null);
    await clock.advance(200);
    assert.equal(feed.current(null)?.entries[0]?.value, "n2");
    assert.deepEqual([counts.resets, source.watches], [2, 2]);
  }));

Deno.test("a watch that never stands costs its endpoint the trust", () =>
  withFeed(async ({ clock, source, feed }) => {
    source.isWatchRefused = true;
    feed.drop();
    source.receiver?.onEnd();
    for (let i = 0; i < 5; i++) await clock.advance(200);
    assert.equal(feed.current(null), null);
    assert.ok(source.left > 0);
  }));

Deno.test("what another process has seen is looked for at once", () =>
  withFeed(async ({ clock, source, feed, counts }) => {
    source.change("n2");
    const mark = String(source.store.at);
    feed.takeHint(proofOf(mark, clock.now()));
    await clock.advance(299);
    assert.equal(source.reads, 1);
    await clock.advance(1);
    await clock.advance(RESTART_MS);
    // Read and compared, then read for a watch that stands.
    assert.deepEqual([source.reads, source.watches], [3, 2]);
    assert.equal(counts.resets, 2);
    assert.equal(feed.current(null)?.entries[0]?.value, "n2");
  }));

Deno.test("a watch that may be late is checked at once, and stays if it was not", () =>
  withFeed(async ({ clock, source, feed, counts }) => {
    await clock.advance(1_000);
    feed.takeHint({ kind: "suspicion" });
    await clock.advance(0);
    assert.deepEqual([source.reads, source.watches], [2, 1]);
    await clock.advance(DUE_MS - 1);
    assert.equal(source.reads, 2);
    source.change("n2");
    feed.takeHint({ kind: "suspicion" });
    await clock.advance(0);
    await clock.advance(RESTART_MS);
    assert.deepEqual([source.watches, counts.resets], [2, 2]);
    assert.equal(feed.current(null)?.entries[0]?.value, "n2");
  }));

Deno.test("a watch whose endpoint was left by the check is opened elsewhere", () =>
  withFeed(async ({ clock, source, feed, counts }) => {
    source.isLeft = true;
    feed.takeHint({ kind: "suspicion" });
    await clock.advance(0);
    await clock.advance(RESTART_MS);
    assert.deepEqual([source.watches, counts.resets], [2, 2]);
  }));

Deno.test("what came by the watch meanwhile is not looked for", () =>
  withFeed(async ({ clock, source, feed }) => {
    source.change("n2");
    feed.takeHint(proofOf(String(source.store.at), clock.now()));
    await clock.advance(100);
    source.progress();
    await clock.advance(1_000);
    assert.deepEqual([source.reads, source.watches], [1, 1]);
  }));

Deno.test("a change of another scope costs one read, and no watch", () =>
  withFeed(async ({ clock, source, feed }) => {
    source.store = { ...source.store, at: source.store.at + 5n };
    const proof = () => proofOf(String(source.store.at), clock.now());
    feed.takeHint(proof());
    await clock.advance(1_000);
    assert.deepEqual([source.reads, source.watches], [2, 1]);
    feed.takeHint(proof());
    await clock.advance(1_000);
    assert.deepEqual([source.reads, source.watches], [2, 1]);
  }));
