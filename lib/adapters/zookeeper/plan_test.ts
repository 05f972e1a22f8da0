import assert from "node:assert/strict";
import { revision, sessionId } from "../../core/base/units.ts";
import type { DcsWrite } from "../../ports/dcs.ts";
import { CODE, type Stat } from "./messages.ts";
import { meaningOf, planOf, type PlanResult } from "./plan.ts";
import type { StoredNode, StoredScope } from "./tree.ts";

const SESSION = sessionId("0x7");

function node(value: string, stat: Partial<Stat> = {}): StoredNode {
  return {
    value,
    stat: {
      ...{ changedAt: 9n, version: 0, creations: 0, owner: 0n, childCount: 0 },
      ...stat,
    },
  };
}

function scope(nodes: Readonly<Record<string, StoredNode>>): StoredScope {
  return { at: 9n, nodes: new Map(Object.entries(nodes)) };
}

const EMPTY = scope({ "": node("") });

function plan(write: Partial<DcsWrite>, seen: StoredScope): PlanResult {
  return planOf({ when: [], edits: [], ...write }, {
    scopePath: "/s",
    scope: seen,
    ownerOf: () => 7n,
  });
}

/** `create /s/a`, `delete /s/a 3`. */
function words(result: PlanResult): readonly string[] {
  assert.equal(result.kind, "ready");
  if (result.kind !== "ready") return [];
  return result.steps.map((step) =>
    [
      step.kind,
      step.path,
      "mode" in step ? step.mode : step.version,
    ].join(" ")
  );
}

function put(key: string, session = null as typeof SESSION | null) {
  return { kind: "put", key, value: "x", session } as const;
}

Deno.test("a new key is made, with the folders that it lies in", () => {
  assert.deepEqual(words(plan({ edits: [put("a")] }, EMPTY)), [
    "create /s/a persistent",
  ]);
  assert.deepEqual(
    words(plan({ edits: [put("f/a", SESSION), put("f/b", SESSION)] }, EMPTY)),
    [
      "create /s/f persistent",
      "create /s/f/a ephemeral",
      "create /s/f/b ephemeral",
    ],
  );
});

Deno.test("a key that changes its session is another node, and guarded", () => {
  const seen = scope({
    "": node("", { creations: 12 }),
    leader: node("n1", { owner: 5n, version: 3 }),
  });
  const guarded = [
    "create /s/matriarch-guard- counted",
    "delete /s/matriarch-guard-0000000012 -1",
    "delete /s/leader 3",
  ];
  assert.deepEqual(words(plan({ edits: [put("leader", SESSION)] }, seen)), [
    ...guarded,
    "create /s/leader ephemeral",
  ]);
  assert.deepEqual(words(plan({ edits: [put("leader")] }, seen)), [
    ...guarded,
    "create /s/leader persistent",
  ]);
});

Deno.test("a key that stays where it is keeps its node", () => {
  const seen = (version: number) =>
    scope({
      "": node(""),
      "members": node("", { creations: 4, childCount: 1 }),
      "members/n1": node("{}", { owner: 7n, version }),
    });
  const edits = [put("members/n1", SESSION)];
  assert.deepEqual(words(plan({ edits }, seen(3))), ["set /s/members/n1 3"]);
  // Version 0 may be another node's.
  assert.deepEqual(words(plan({ edits }, seen(0))), [
    "create /s/members/matriarch-guard- counted",
    "delete /s/members/matriarch-guard-0000000004 -1",
    "set /s/members/n1 0",
  ]);
});

Deno.test("conditions are checked in the transaction, with their node", () => {
  const seen = scope({
    "": node("", { creations: 2 }),
    leader: node("n1", { version: 0, changedAt: 33n }),
    sync: node("{}", { version: 5 }),
  });
  const when = [
    { kind: "revision_is", key: "leader", revision: revision(33n) },
    { kind: "value_is", key: "sync", value: "{}" },
    { kind: "absent", key: "config" },
  ] as const;
  const edits = [{ kind: "delete", key: "sync" }] as const;
  const result = plan({ when, edits }, seen);
  assert.deepEqual(words(result), [
    "create /s/matriarch-guard- counted",
    "delete /s/matriarch-guard-0000000002 -1",
    "check /s/leader 0",
    "check /s/sync 5",
    "create /s/config persistent",
    "delete /s/config -1",
    "delete /s/sync -1",
  ]);
  assert.ok(result.kind === "ready");
  const code = CODE.nodeExists;
  assert.equal(meaningOf(result, { at: 4, code }), "condition");
  assert.equal(meaningOf(result, { at: 1, code: CODE.noNode }), "outdated");
  assert.equal(meaningOf(result, { at: 3, code: CODE.badVersion }), "outdated");
  assert.equal(meaningOf(result, { at: 3, code: CODE.noAuth }), null);
});

Deno.test("a condition that does not hold makes no transaction", () => {
  const seen = scope({ "": node(""), leader: node("n1", { changedAt: 33n }) });
  const when = [
    { kind: "absent", key: "leader" },
    { kind: "value_is", key: "leader", value: "n2" },
    { kind: "value_is", key: "gone", value: "" },
    { kind: "revision_is", key: "leader", revision: revision(34n) },
    { kind: "revision_is", key: "gone", revision: revision(33n) },
  ] as const;
  for (const one of when) {
    assert.deepEqual(plan({ when: [one], edits: [put("a")] }, seen), {
      kind: "condition_failed",
    });
  }
});

Deno.test("an absent key that is put fails by its creation", () => {
  const when = [{ kind: "absent", key: "leader" }] as const;
  const result = plan({ when, edits: [put("leader", SESSION)] }, EMPTY);
  assert.deepEqual(words(result), ["create /s/leader ephemeral"]);
  assert.ok(result.kind === "ready");
  assert.equal(result.session, SESSION);
  const failed = { at: 0, code: CODE.nodeExists };
  assert.equal(meaningOf(result, failed), "condition");
});

Deno.test("deleting what is not there is made sure of", () => {
  const edits = [{ kind: "delete", key: "a" }] as const;
  const wanted = ["create /s/a persistent", "delete /s/a -1"];
  assert.deepEqual(words(plan({ edits }, EMPTY)), wanted);
  const when = [{ kind: "absent", key: "a" }] as const;
  assert.deepEqual(words(plan({ when, edits }, EMPTY)), wanted);
});

Deno.test("a scope without its node, and two sessions, are no transaction", () => {
  assert.deepEqual(plan({ edits: [put("a")] }, scope({})), {
    kind: "no_scope",
  });
  const edits = [put("a", SESSION), put("b", sessionId("0x8"))];
  assert.equal(plan({ edits }, EMPTY).kind, "impossible");
});
