/** Told decisions: what an agent writes is what the command line reads. */
import assert from "node:assert/strict";
import type { DecisionRecord } from "../model/told_decision.ts";
import { decodeDecision, encodeDecision } from "./decision_codec.ts";
import { encodeJson, parseJson } from "./json.ts";

const DEMOTION: DecisionRecord = {
  rule: "R540",
  kind: "start_task",
  task: "demote",
  reason: "switchover_requested",
  facts: {
    ready: "n2",
    requestedFrom: "n1",
    candidate: "n2",
    scheduledAt: null,
  },
  sentence: "Demoting self (graceful) (ready n2)",
  firstAt: "2026-11-29T02:19:25.980Z",
  lastAt: "2026-11-29T02:19:25.980Z",
  count: 1,
};

Deno.test("a told decision is read as it was written", () => {
  const records: readonly DecisionRecord[] = [
    DEMOTION,
    { ...DEMOTION, kind: "wait", task: null, facts: {}, count: 7 },
    { ...DEMOTION, facts: { isBehind: true, bytes: 12, what: "" } },
  ];
  for (const record of records) {
    const text = encodeJson(encodeDecision(record));
    assert.deepEqual(decodeDecision(parseJson(text)), record);
  }
});

Deno.test("what another version leaves out has a default", () => {
  const { first_at: _, count: __, facts: ___, ...item } = encodeDecision(
    DEMOTION,
  );
  assert.deepEqual(decodeDecision({ ...item, decision: "dance", x: [1] }), {
    ...DEMOTION,
    kind: "dance",
    facts: {},
  });
});

Deno.test("whatever is no decision is left out", () => {
  const item = encodeDecision(DEMOTION);
  const bad: readonly unknown[] = [
    null,
    "x",
    [],
    {},
    { ...item, rule: 5 },
    { ...item, decision: null },
    { ...item, reason: {} },
    { ...item, text: 7 },
    { ...item, last_at: "yesterday" },
    { ...item, last_at: "2026-11-29 02:19:25" },
    { ...item, last_at: 12 },
  ];
  for (const each of bad) assert.equal(decodeDecision(each), null);
  const facts = { a: [1], b: { c: 1 }, d: "kept" };
  assert.deepEqual(decodeDecision({ ...item, facts })?.facts, { d: "kept" });
});
