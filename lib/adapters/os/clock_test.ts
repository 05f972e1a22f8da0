import assert from "node:assert/strict";
import { CallClock, parseUptimeMs, SystemClock } from "./clock.ts";

Deno.test("parseUptimeMs() reads what the kernel writes", () => {
  assert.equal(parseUptimeMs("898.17 1691.47\n"), 898_170);
  assert.equal(parseUptimeMs("31536000.05 1.00\n"), 31_536_000_050);
  assert.throws(() => parseUptimeMs("898 1\n"));
  assert.throws(() => parseUptimeMs(""));
});

Deno.test("SystemClock.now() never goes back and moves on", () => {
  const clock = new SystemClock();
  const start = clock.now();
  let last = start;
  while (last === start) {
    const now = clock.now();
    assert.ok(now >= last);
    last = now;
  }
  assert.ok(last > start);
});

Deno.test("SystemClock.now() is the clock of /proc/uptime", () => {
  const uptimeMs = (): number =>
    parseUptimeMs(Deno.readTextFileSync("/proc/uptime"));
  const before = uptimeMs();
  const now = new SystemClock().now();
  // What the kernel writes there is rounded down to 10 ms.
  assert.ok(before <= now && now < uptimeMs() + 11, `${before}, ${now}`);
});

Deno.test("SystemClock.sleep() ends by time and leaves no timer", async () => {
  await new SystemClock().sleep(1);
  await new SystemClock().sleep(-5);
});

Deno.test("SystemClock.sleep() ends at once when aborted, before and during", async () => {
  const clock = new SystemClock();
  await clock.sleep(1e12, AbortSignal.abort());
  const controller = new AbortController();
  const slept = clock.sleep(1e12, controller.signal);
  controller.abort();
  await slept;
});

// Else `list` on a SQLite store shows no members: their leases look wrong.
Deno.test("CallClock counts from the boot, as SystemClock does", () => {
  const aheadMs = new CallClock().now() - new SystemClock().now();
  assert.ok(aheadMs > -1_000 && aheadMs < 2_000, `${aheadMs} ms ahead`);
});
