import assert from "node:assert/strict";
import { Timers } from "./timers.ts";

Deno.test("timers fire in the order of their times, but not those cancelled", () => {
  const timers = new Timers();
  const fired: number[] = [];
  const past = performance.now() - 10_000;
  const order = [5, 3, 9, 1, 7, 2, 8, 4, 6, 0];
  const made = order.map((n) => timers.add(past + n, () => fired.push(n)));
  for (const [i, n] of order.entries()) {
    const timer = made[i];
    if (n % 3 === 0 && timer !== undefined) timer.isOver = true;
  }
  timers.add(performance.now() + 60_000, () => fired.push(60_000));
  timers.fire();
  assert.deepEqual(fired, [1, 2, 4, 5, 7, 8]);
  const nextInMs = timers.nextInMs();
  assert.ok(nextInMs > 0 && nextInMs <= 60_000, `${nextInMs}`);
});

Deno.test("timers: without any there is nothing to wait for", () => {
  const timers = new Timers();
  assert.equal(timers.nextInMs(), -1);
  timers.add(performance.now() + 50, () => {}).isOver = true;
  assert.equal(timers.nextInMs(), -1);
});

Deno.test("timers: cancelled ones do not pile up, the others stay", () => {
  const timers = new Timers();
  const fired: string[] = [];
  timers.add(performance.now() - 1, () => fired.push("kept"));
  for (let i = 0; i < 5_000; i++) {
    timers.add(performance.now() + 60_000 + i, () => {}).isOver = true;
  }
  timers.fire();
  assert.deepEqual([fired, timers.nextInMs()], [["kept"], -1]);
});
