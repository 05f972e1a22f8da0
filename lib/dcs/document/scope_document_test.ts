import assert from "node:assert/strict";
import {
  type Revision,
  revision,
  type SessionId,
  sessionId,
} from "../../core/base/units.ts";
import {
  emptyDocument,
  endSessions,
  enterEra,
  entriesOf,
  guardMs,
  isGuarded,
  openSession,
  renewSession,
  type ScopeDocument,
  withoutKeys,
  write,
} from "./scope_document.ts";

const [A, B] = [sessionId("a"), sessionId("b")];

function V(count: number): Revision {
  return revision(`${count}.0`);
}

function withSessions(...ids: readonly SessionId[]): ScopeDocument {
  return ids.reduce(
    (document, id) =>
      openSession(document, id, { renewals: V(1), ttlMs: 10_000 }),
    emptyDocument("era/1"),
  );
}

function put(
  document: ScopeDocument,
  key: string,
  more: { readonly value: string; readonly session?: SessionId },
): ScopeDocument {
  const { value, session = null } = more;
  const edits = [{ kind: "put", key, value, session }] as const;
  return write(document, { when: [], edits }, V(2)).document;
}

function bid(document: ScopeDocument, value: string, session: SessionId) {
  return write(document, {
    when: [{ kind: "absent", key: "leader" }],
    edits: [{ kind: "put", key: "leader", value, session }],
  }, V(9)).answer.kind;
}

Deno.test("what changes nothing gives the same document back", () => {
  const document = put(withSessions(A), "config", { value: "{}" });
  const never = { kind: "value_is", key: "config", value: "x" } as const;
  const edits = [{ kind: "delete", key: "config" }] as const;
  const gone = sessionId("gone");
  for (
    const same of [
      write(document, { when: [never], edits }, V(3)).document,
      write(document, { when: [], edits: [{ kind: "delete", key: "x" }] }, V(3))
        .document,
      write(document, {
        when: [],
        edits: [{ kind: "put", key: "x", value: "", session: gone }],
      }, V(3)).document,
      renewSession(document, gone, V(3)).document,
      endSessions(document, [{ id: A, renewals: "0.0", ttlMs: 10_000 }]),
      enterEra(document, { era: "era/1", version: V(3), ttlMs: null }),
      withoutKeys(withoutKeys(document)) && document,
    ]
  ) assert.equal(same, document);
});

Deno.test("a session takes its own keys with it, and no others", () => {
  let document = put(withSessions(A, B), "leader", { value: "1", session: A });
  document = put(document, "members/b", { value: "1", session: B });
  document = put(document, "config", { value: "1" });
  const seen = { id: A, renewals: V(1), ttlMs: 10_000 };
  const renewed = renewSession(document, A, V(3)).document;
  assert.equal(endSessions(renewed, [seen]), renewed);
  assert.deepEqual(
    entriesOf(endSessions(document, [seen]), B).map((e) => [e.key, e.isHeld]),
    [["config", false], ["members/b", true]],
  );
});

Deno.test("in another era nobody gets what somebody may still hold", () => {
  let document = put(withSessions(A, B), "leader", { value: "n1", session: A });
  document = enterEra(document, { era: "era/2", version: V(3), ttlMs: 4000 });
  assert.equal(document.era, "era/2");
  // The longest of what is known.
  assert.equal(guardMs(document), 10_000);
  const take = (
    stored: ScopeDocument,
    value: string,
    session: SessionId,
  ): string =>
    write(stored, {
      when: [{ kind: "value_is", key: "leader", value: "n1" }],
      edits: [{ kind: "put", key: "leader", value, session }],
    }, V(4)).answer.kind;
  // Whoever has it may go on; nobody else may take it, nor bind it anew.
  assert.equal(take(document, "n1", A), "done");
  assert.equal(take(document, "n1", B), "condition_failed");
  assert.equal(take(document, "n2", B), "condition_failed");
  const edits = [{ kind: "delete", key: "leader" }] as const;
  const free = write(document, { when: [], edits }, V(4)).document;
  assert.equal(bid(free, "n2", B), "condition_failed");
  // Members show themselves, and people change what hangs on nobody.
  const shown = put(free, "members/n2", { value: "{}", session: B });
  assert.deepEqual([...shown.keys.keys()], ["members/n2"]);
  assert.deepEqual([...put(free, "x", { value: "" }).keys.keys()], ["x"]);
  // Nobody keeps the guard alive.
  const [guard] = [...document.sessions].filter(([id]) => id !== A && id !== B);
  assert.ok(guard !== undefined);
  const [id, { renewals, ttlMs }] = guard;
  assert.equal(renewSession(free, id, V(5)).answer, "gone");
  const over = endSessions(free, [{ id, renewals, ttlMs }]);
  assert.equal(isGuarded(over), false);
  assert.equal(bid(over, "n2", B), "done");
});

Deno.test("a guard lasts as long as leases do, as far as anybody knows", () => {
  const guarded = (document: ScopeDocument, ttlMs: number | null) =>
    guardMs(enterEra(document, { era: "era/2", version: V(3), ttlMs }));
  assert.equal(guarded(emptyDocument("era/1"), null), 30_000);
  assert.equal(guarded(emptyDocument("era/1"), 5000), 5000);
  assert.equal(guarded(withSessions(A), 15_000), 15_000);
  // Another failover begins anew, with a mark of its own.
  const first = enterEra(withSessions(A), {
    ...{ era: "era/2", version: V(3), ttlMs: null },
  });
  const second = enterEra(first, {
    ...{ era: "era/3", version: V(4), ttlMs: null },
  });
  assert.deepEqual(
    [...second.sessions.values()].map(({ renewals }) => renewals),
    [V(1), V(4)],
  );
});
