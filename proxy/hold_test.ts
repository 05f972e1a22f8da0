import assert from "node:assert/strict";
import { after } from "../lib/core/base/units.ts";
import { ManualClock, settle } from "../tests/helpers/manual_clock.ts";
import { HoldQueue } from "./hold.ts";

/** Waits in the background; says when it is over. */
function waiter(
  queue: HoldQueue,
  clock: ManualClock,
  options: { readonly ms: number; readonly signal?: AbortSignal },
): { isOver: boolean } {
  const state = { isOver: false };
  const signal = options.signal ?? new AbortController().signal;
  queue.wait(after(clock.now(), options.ms), signal).then(() => {
    state.isOver = true;
  });
  return state;
}

Deno.test("hold queue lets everyone go at a release", async () => {
  const clock = new ManualClock();
  const queue = new HoldQueue(clock);
  const [a, b] = [
    waiter(queue, clock, { ms: 100 }),
    waiter(queue, clock, { ms: 100 }),
  ];
  await settle();
  assert.deepEqual([a.isOver, b.isOver, queue.size], [false, false, 2]);
  queue.release();
  await settle();
  assert.deepEqual([a.isOver, b.isOver, queue.size], [true, true, 0]);
  assert.equal(clock.sleepers, 0);
});

Deno.test("hold queue lets each go at its own deadline", async () => {
  const clock = new ManualClock();
  const queue = new HoldQueue(clock);
  const [a, b] = [
    waiter(queue, clock, { ms: 100 }),
    waiter(queue, clock, { ms: 200 }),
  ];
  await clock.advance(99);
  assert.deepEqual([a.isOver, b.isOver], [false, false]);
  await clock.advance(1);
  assert.deepEqual([a.isOver, b.isOver], [true, false]);
  await clock.advance(100);
  assert.equal(b.isOver, true);
});

Deno.test("hold queue forgets a client that is gone", async () => {
  const clock = new ManualClock();
  const queue = new HoldQueue(clock);
  const gone = new AbortController();
  const one = waiter(queue, clock, { ms: 100, signal: gone.signal });
  gone.abort();
  await settle();
  assert.deepEqual([one.isOver, queue.size], [true, 0]);
});

Deno.test("hold queue does not wait for a deadline that has passed", async () => {
  const clock = new ManualClock();
  const queue = new HoldQueue(clock);
  const one = waiter(queue, clock, { ms: 0 });
  await settle();
  assert.equal(one.isOver, true);
});
