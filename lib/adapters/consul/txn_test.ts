import assert from "node:assert/strict";
import { revision, sessionId } from "../../core/base/units.ts";
import type { DcsCondition } from "../../ports/dcs.ts";
import { failureOf, planOf } from "./txn.ts";
import { ScopeKeys } from "./wire.ts";

const KEYS = new ScopeKeys("/service/batman");
const STORED = {
  at: 9,
  entries: [{ key: "leader", value: "n1", at: 7, session: "s" }],
};
const DELETE = [{ kind: "delete", key: "x" }] as const;

function plan(when: readonly DcsCondition[]) {
  return planOf(KEYS, { when, edits: DELETE }, STORED);
}

Deno.test("a put takes the key from whatever session it hung on", () => {
  const put = { kind: "put", key: "a", value: "é" } as const;
  const session = sessionId("s1");
  const edits = [{ ...put, session: null }, { ...put, key: "b", session }];
  assert.deepEqual(planOf(KEYS, { when: [], edits }, null)?.operations, [
    { Verb: "delete", Key: "service/batman/a" },
    { Verb: "set", Key: "service/batman/a", Value: "w6k=" },
    { Verb: "delete", Key: "service/batman/b" },
    {
      ...{ Verb: "lock", Key: "service/batman/b", Value: "w6k=" },
      Session: "s1",
    },
  ]);
});

Deno.test("a condition on a value becomes one on the change that wrote it", () => {
  const holds = plan([{ kind: "value_is", key: "leader", value: "n1" }]);
  assert.deepEqual(holds?.operations[0], {
    ...{ Verb: "check-index", Key: "service/batman/leader", Index: 7 },
  });
  for (
    const fails of [
      { kind: "value_is", key: "leader", value: "n2" },
      { kind: "value_is", key: "gone", value: "n1" },
      { kind: "revision_is", key: "leader", revision: revision("deleted") },
    ] as const
  ) assert.equal(plan([fails]), null);
});

Deno.test("what a failed transaction means", () => {
  const conditions = plan([
    { kind: "absent", key: "a" },
    { kind: "value_is", key: "leader", value: "n1" },
  ]);
  assert.ok(conditions !== null);
  const cases: readonly (readonly [readonly [number, string][], string])[] = [
    [[[0, 'key "a" exists']], "condition_failed"],
    [[[1, "current modify index 8"]], "outdated"],
    [[[0, "exists"], [1, "index"]], "condition_failed"],
    [[[3, 'invalid session "s1"']], "session_gone"],
    [[[3, "failed session lookup: index error"]], "session_gone"],
    [[[3, 'failed to lock key "b" due to lock delay']], "delayed"],
    [[[3, "something else"]], "refused"],
    [[[0, "Permission denied"]], "refused"],
  ];
  for (const [errors, kind] of cases) {
    const body = JSON.stringify({
      Results: null,
      Errors: errors.map(([OpIndex, What]) => ({ OpIndex, What })),
    });
    assert.equal(failureOf(body, conditions).kind, kind, body);
  }
});
