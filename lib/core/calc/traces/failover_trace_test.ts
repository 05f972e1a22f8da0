/** A change of leader as people see it in their own traces. */
import assert from "node:assert/strict";
import { failoverRecord } from "../../../../tests/helpers/failover_record.ts";
import type { FailoverRecord } from "../../model/failover.ts";
import { failoverTrace } from "./failover_trace.ts";

function traced(changes: Partial<FailoverRecord> = {}) {
  const trace = failoverTrace("main", failoverRecord(changes));
  assert.ok(trace !== null);
  return trace;
}

Deno.test("failover trace: the phases follow each other, clients lie beside them", () => {
  const trace = traced();
  assert.equal(trace.name, "failover");
  assert.deepEqual([trace.startMs, trace.endMs], [900, 1_700]);
  assert.deepEqual(trace.attributes, {
    ...{ "matriarch.cluster": "main", "matriarch.member": "n2" },
    ...{ "matriarch.leader.before": "n1", "matriarch.timeline": 2 },
    ...{ "matriarch.term": "7", "matriarch.rule": "R310" },
    "matriarch.reason": "healthiest",
    "matriarch.sentence":
      "trying to acquire session lock as the healthiest member",
    ...{ "matriarch.lost_bytes": 0, "matriarch.fact.former": "n1" },
  });
  assert.deepEqual(
    trace.children.map(({ name, startMs, endMs }) => [name, startMs, endMs]),
    [
      ["clients without a leader", 900, 1_700],
      ["race", 1_000, 1_010],
      ["promotion", 1_010, 1_640],
    ],
  );
  assert.equal(trace.children[0]?.attributes["matriarch.proxy"], "n3");
});

Deno.test("failover trace: a takeover, a switchover, what is not known", () => {
  const names = ["suspected", "pledged", "taken", "promoted", "first_write"];
  const phases = [...names, "of_a_later_version"]
    .map((name, at) => ({ name, atMs: 100 * at }));
  assert.deepEqual(
    traced({ phases, felt: [] }).children.map(({ name }) => name),
    ["pledge", "veto", "promotion", "first write", "of_a_later_version"],
  );
  const asked = traced({
    facts: { requestedFrom: "n1", lagBytes: 2n ** 60n, nothing: null },
  });
  assert.equal(asked.name, "switchover");
  assert.equal(
    asked.attributes["matriarch.fact.lagBytes"],
    "1152921504606846976",
  );
  assert.ok(!("matriarch.fact.nothing" in asked.attributes));
  assert.equal(
    failoverTrace("main", failoverRecord({ phases: [], felt: [] })),
    null,
  );
});

Deno.test("failover trace: hosts whose clocks differ make no span that ends before it begins", () => {
  const [felt] = failoverRecord().felt;
  assert.ok(felt !== undefined);
  const { children } = traced({
    phases: [{ name: "detected", atMs: 50 }, { name: "decided", atMs: 40 }],
    felt: [{ ...felt, closedAtMs: 500, routedAtMs: 200 }],
  });
  assert.equal(children.length, 2);
  for (const { startMs, endMs } of children) assert.ok(endMs >= startMs);
});
