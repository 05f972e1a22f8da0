import assert from "node:assert/strict";
import fc from "fast-check";
import { timingsOf } from "./timing.ts";

type TimingCase = readonly [unknown, unknown, unknown, readonly number[]];

const CASES: readonly TimingCase[] = [
  [30, 10, 10, [30, 10, 10]],
  [undefined, undefined, undefined, [30, 10, 10]],
  [10, 10, 10, [20, 1, 9]],
  [30, 10, 20, [30, 1, 14]],
  [30, 10, 12, [30, 6, 12]],
  ["40", "10", "12", [40, 10, 12]],
  [30.9, 10.9, 9.9, [30, 10, 9]],
  [30, 0, 1, [30, 1, 3]],
];

Deno.test("timingsOf() repairs in the order of section 4.1", () => {
  for (const [ttl, loopWait, retryTimeout, expected] of CASES) {
    const document = {
      ...(ttl === undefined ? {} : { ttl }),
      ...(loopWait === undefined ? {} : { loop_wait: loopWait }),
      ...(retryTimeout === undefined ? {} : { retry_timeout: retryTimeout }),
    };
    const timings = timingsOf(document)?.timings;
    assert.deepEqual(
      [timings?.ttlS, timings?.loopWaitS, timings?.retryTimeoutS],
      expected,
      JSON.stringify(document),
    );
  }
});

Deno.test("timingsOf() says what it repaired", () => {
  assert.deepEqual(timingsOf({ ttl: 10 })?.adjustments, [
    "ttl=10 can't be smaller than 20, adjusting...",
    'Violated the rule "loop_wait + 2*retry_timeout <= ttl". ' +
    "Adjusting loop_wait from 10 to 1",
    'Violated the rule "loop_wait + 2*retry_timeout <= ttl". ' +
    "Adjusting retry_timeout from 10 to 9",
  ]);
  assert.deepEqual(timingsOf({})?.adjustments, []);
});

Deno.test("timingsOf() rejects what is no number", () => {
  for (const ttl of ["30s", null, "text", [30], NaN]) {
    assert.equal(timingsOf({ ttl }), null, String(ttl));
  }
});

Deno.test("timingsOf() always ends with the rule kept", () => {
  const values = fc.integer({ min: -100, max: 100_000 });
  fc.assert(fc.property(values, values, values, (ttl, loopWait, retry) => {
    const timings = timingsOf({
      ttl,
      loop_wait: loopWait,
      retry_timeout: retry,
    })?.timings;
    assert.ok(timings);
    assert.ok(timings.loopWaitS + 2 * timings.retryTimeoutS <= timings.ttlS);
    assert.ok(timings.ttlS >= 20 && timings.loopWaitS >= 1);
    assert.ok(timings.retryTimeoutS >= 3);
  }));
});
