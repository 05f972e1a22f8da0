import assert from "node:assert/strict";
import { decodeStatus } from "./codec.ts";

const BASE = {
  kind: "answered",
  name: "n2",
  isInRecovery: true,
  position: null,
  timeline: null,
  isNofailover: false,
  failoverPriority: 1,
  hasWatchdogFailed: false,
  endedReceivers: [],
};

Deno.test("decodeStatus() reads what a race needs", () => {
  const cases: readonly (readonly [unknown, object])[] = [
    [{}, {}],
    [{ role: "primary" }, { isInRecovery: false }],
    [{ role: "master" }, { isInRecovery: false }],
    [
      { role: "replica", xlog: { location: 5 }, timeline: 2 },
      { isInRecovery: false, position: 5n, timeline: 2 },
    ],
    [
      { xlog: { received_location: 7, replayed_location: 9 } },
      { position: 9n },
    ],
    [
      { wal: { received_location: 9, replayed_location: 7, paused: false } },
      { position: 9n },
    ],
    [{ xlog: { received_location: 0, replayed_location: 0 } }, {}],
    [{ xlog: {}, timeline: null }, {}],
    [
      { tags: { nofailover: true } },
      { isNofailover: true, failoverPriority: 0 },
    ],
    [{ tags: { failover_priority: 4 } }, { failoverPriority: 4 }],
    [
      { tags: { failover_priority: 0 } },
      { isNofailover: true, failoverPriority: 0 },
    ],
    [{ watchdog_failed: true }, { hasWatchdogFailed: true }],
    [
      { ended_receivers: ["logical slot feed", 5] },
      { endedReceivers: ["logical slot feed"] },
    ],
    [{ ended_receivers: "x" }, {}],
    [{ xlog: "x", tags: 5, timeline: "x", watchdog_failed: "no" }, {}],
  ];
  for (const [document, wanted] of cases) {
    assert.deepEqual(
      decodeStatus("n2", JSON.stringify(document)),
      { ...BASE, ...wanted },
      JSON.stringify(document),
    );
  }
});

Deno.test("decodeStatus() keeps positions beyond 2^53", () => {
  const body = '{"xlog": {"location": 18446744073709551600}}';
  const answer = decodeStatus("n2", body);
  assert.equal(
    answer.kind === "answered" && answer.position,
    18446744073709551600n,
  );
});

Deno.test("decodeStatus() takes anything else for silence", () => {
  for (const body of ["", "[]", "null", "<html>", "{"]) {
    assert.equal(decodeStatus("n2", body).kind, "silent", body);
  }
});
