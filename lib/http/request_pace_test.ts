import assert from "node:assert/strict";
import { RequestPace } from "./request_pace.ts";

/** How many were served, the longest wait among them, and how many were refused. */
function ask(
  pace: RequestPace,
  addresses: readonly string[],
  nowMs: number,
): { readonly served: number; readonly longestMs: number } {
  const waits = addresses.map((address) => pace.waitMs(address, nowMs))
    .filter((wait) => wait !== null);
  return { served: waits.length, longestMs: Math.round(Math.max(0, ...waits)) };
}

function times(count: number, address: string): readonly string[] {
  return Array.from({ length: count }, () => address);
}

Deno.test("a burst is served at once, then so many per second, two seconds ahead", () => {
  const pace = new RequestPace();
  const one = "192.0.2.1";
  assert.deepEqual(ask(pace, times(100, one), 0), {
    served: 100,
    longestMs: 0,
  });
  assert.deepEqual(ask(pace, times(9_000, one), 0), {
    served: 100,
    longestMs: 2_000,
  });
  assert.equal(ask(pace, times(9_000, one), 1_000).served, 50);
  assert.deepEqual(ask(pace, times(100, one), 60_000), {
    served: 100,
    longestMs: 0,
  });
});

Deno.test("who waits for each answer is never refused", () => {
  const pace = new RequestPace();
  let now = 0;
  for (let i = 0; i < 2_000; i++) {
    const wait = pace.waitMs("192.0.2.1", now);
    assert.ok(wait !== null && wait <= 21, `request ${i} waits ${wait} ms`);
    now += wait + 1;
  }
  assert.ok(now >= 1_900 / 50 * 1_000, "and gets no more than its share");
});

Deno.test("a flood from one address leaves the others their share", () => {
  const pace = new RequestPace();
  ask(pace, times(10_000, "192.0.2.1"), 0);
  for (let second = 1; second <= 60; second++) {
    const now = second * 1_000;
    const flood = ask(pace, times(5_000, "192.0.2.1"), now);
    const others = ask(pace, times(20, "192.0.2.2"), now);
    assert.equal(flood.served, 50);
    assert.deepEqual(others, { served: 20, longestMs: 0 });
  }
});

Deno.test("many addresses have no more than all together", () => {
  const pace = new RequestPace();
  const all = Array.from(
    { length: 3_000 },
    (_, at) => `10.0.${at >> 8}.${at & 255}`,
  );
  assert.equal(ask(pace, all, 0).served, 800);
  assert.equal(ask(pace, all, 1_000).served, 200);
});

Deno.test("a network of IPv6 is one address, however it is written", () => {
  const pace = new RequestPace();
  const network = Array.from(
    { length: 2_000 },
    (_, at) => `2001:db8::${at.toString(16)}`,
  );
  assert.equal(ask(pace, network, 0).served, 200);
  assert.equal(pace.waitMs("2001:db8:0:0:1::5", 0), null);
  for (const other of ["2001:db8:0:1::5", "::1", "::", "::ffff:192.0.2.9"]) {
    assert.equal(pace.waitMs(other, 0), 0);
  }
});

Deno.test("a clock that stands still or goes back gives nothing", () => {
  const pace = new RequestPace();
  ask(pace, times(600, "192.0.2.1"), 5_000);
  assert.equal(ask(pace, times(600, "192.0.2.1"), 5_000).served, 0);
  assert.equal(ask(pace, times(600, "192.0.2.1"), 4_000).served, 0);
});
