import assert from "node:assert/strict";
import { ManualClock } from "../tests/helpers/manual_clock.ts";
import { RateLimit } from "./rate_limit.ts";

function taken(limit: RateLimit, source: string, tries: number): number {
  let count = 0;
  for (let i = 0; i < tries; i++) if (limit.take(source)) count++;
  return count;
}

Deno.test("RateLimit lets a second's worth in at once, then the rate", async () => {
  const clock = new ManualClock();
  const limit = new RateLimit(clock, 10);
  assert.equal(taken(limit, "a", 50), 10);
  assert.equal(taken(limit, "b", 50), 10, "another source has its own");
  await clock.advance(500);
  assert.equal(taken(limit, "a", 50), 5);
  await clock.advance(60_000);
  assert.equal(taken(limit, "a", 50), 10, "no more than a second's worth");
});

Deno.test("RateLimit of less than one per second still lets one in", async () => {
  const clock = new ManualClock();
  const limit = new RateLimit(clock, 0.5);
  assert.equal(taken(limit, "a", 5), 1);
  await clock.advance(2_000);
  assert.equal(taken(limit, "a", 5), 1);
});

Deno.test("RateLimit remembers a bounded number of sources", async () => {
  const clock = new ManualClock();
  const limit = new RateLimit(clock, 1);
  for (let i = 0; i < 30_000; i++) assert.ok(limit.take(`${i}`));
  assert.equal(taken(limit, "29999", 5), 0, "the last ones are known");
  await clock.advance(1_000);
  assert.equal(taken(limit, "29999", 5), 1);
});
