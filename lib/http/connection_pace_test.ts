import assert from "node:assert/strict";
import { ConnectionPace } from "./connection_pace.ts";

function admitted(
  pace: ConnectionPace,
  addresses: readonly string[],
  nowMs: number,
): number {
  return addresses.filter((address) => pace.admits(address, nowMs)).length;
}

function times(count: number, address: string): readonly string[] {
  return Array.from({ length: count }, () => address);
}

Deno.test("one address gets a burst, and then its share per second", () => {
  const pace = new ConnectionPace();
  assert.equal(admitted(pace, times(2_000, "192.0.2.1"), 1_000), 100);
  assert.equal(admitted(pace, times(2_000, "192.0.2.1"), 2_000), 50);
  assert.equal(admitted(pace, times(2_000, "192.0.2.1"), 2_020), 1);
  assert.equal(admitted(pace, times(2_000, "192.0.2.1"), 60_000), 100);
});

Deno.test("a flood from one address leaves the others their share", () => {
  const pace = new ConnectionPace();
  admitted(pace, times(10_000, "192.0.2.1"), 0);
  for (let second = 1; second <= 60; second++) {
    const now = second * 1_000;
    const flood = admitted(pace, times(5_000, "192.0.2.1"), now);
    const others = admitted(pace, times(20, "192.0.2.2"), now);
    assert.deepEqual([flood, others], [50, 20]);
  }
});

Deno.test("many addresses have no more than all together", () => {
  const pace = new ConnectionPace();
  const all = Array.from(
    { length: 3_000 },
    (_, at) => `10.0.${at >> 8}.${at & 255}`,
  );
  assert.equal(admitted(pace, all, 1_000), 400);
  assert.equal(admitted(pace, all, 2_000), 200);
});

Deno.test("a network of IPv6 is one address, however it is written", () => {
  const pace = new ConnectionPace();
  const network = Array.from(
    { length: 2_000 },
    (_, at) => `2001:db8::${at.toString(16)}`,
  );
  assert.equal(admitted(pace, network, 0), 100);
  assert.equal(admitted(pace, ["2001:db8:0:0:1::5"], 0), 0);
  assert.equal(admitted(pace, ["2001:db8:0:1::5", "::1", "::"], 0), 3);
  assert.equal(admitted(pace, times(600, "::ffff:192.0.2.9"), 0), 100);
});

Deno.test("a clock that stands still or goes back gives nothing", () => {
  const pace = new ConnectionPace();
  admitted(pace, times(600, "192.0.2.1"), 5_000);
  assert.equal(admitted(pace, times(600, "192.0.2.1"), 5_000), 0);
  assert.equal(admitted(pace, times(600, "192.0.2.1"), 4_000), 0);
});
