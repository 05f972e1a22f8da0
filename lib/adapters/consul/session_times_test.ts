import assert from "node:assert/strict";
import { sessionTimes } from "./session_times.ts";

Deno.test("nobody takes a session's keys before the promised time", () => {
  assert.deepEqual(sessionTimes(30_000), {
    ...{ ttl: "15000ms", lockDelay: "30000ms", promisedMs: 30_000 },
  });
  assert.deepEqual(sessionTimes(7001), {
    ...{ ttl: "3501ms", lockDelay: "7001ms", promisedMs: 7001 },
  });
  // Consul cuts the lock delay to a minute.
  assert.deepEqual(sessionTimes(300_000), {
    ...{ ttl: "150000ms", lockDelay: "60000ms", promisedMs: 60_000 },
  });
});
