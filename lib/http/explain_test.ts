/** GET /explain: the last decisions as a document. */
import assert from "node:assert/strict";
import { RestBench } from "../../tests/helpers/rest_app.ts";

Deno.test("GET /explain says what was decided, by which rule and why", async () => {
  const bench = new RestBench();
  bench.api.records = [{
    rule: "R350",
    kind: "wait",
    task: null,
    reason: "lag_exceeds_maximum",
    facts: { lagBytes: 5_242_880n, maximumBytes: 1_048_576 },
    sentence: "not the healthiest",
    firstAtMs: 0,
    lastAtMs: 1_700_000_000_000,
    count: 7,
  }];
  const { status, text } = await bench.ask("GET /explain");
  assert.equal(status, 200);
  assert.deepEqual(JSON.parse(text), {
    scope: "main",
    name: "n1",
    role: "primary",
    state: "running",
    last_decision: "no action. I am (n1), the leader with the lock",
    takeover: {
      works: false,
      by: null,
      obstacles: [{
        code: "asynchronous",
        text: "asynchronous (it needs synchronous_mode on or quorum)",
      }],
      fencing: {
        members: [],
        obstacles: [{
          code: "no_fencing_command",
          text:
            "no_fencing_command (no other member has a fencing command in its configuration)",
        }],
      },
    },
    decisions: [{
      rule: "R350",
      decision: "wait",
      reason: "lag_exceeds_maximum",
      facts: { lagBytes: 5_242_880, maximumBytes: 1_048_576 },
      text: "not the healthiest",
      first_at: "1970-01-01T00:00:00.000Z",
      last_at: "2023-11-14T22:13:20.000Z",
      count: 7,
    }],
  });
  assert.deepEqual(bench.api.calls, []);
});
