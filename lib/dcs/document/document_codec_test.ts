import assert from "node:assert/strict";
import fc from "fast-check";
import { revision, sessionId } from "../../core/base/units.ts";
import { DcsRefusedError } from "../../ports/errors.ts";
import { decodeDocument, encodeDocument } from "./document_codec.ts";
import type { ScopeDocument } from "./scope_document.ts";

const WHERE = "the test";

const documents: fc.Arbitrary<ScopeDocument> = fc.record({
  era: fc.string({ unit: "binary" }),
  sessions: fc.array(
    fc.tuple(fc.string({ unit: "binary" }), fc.integer({ min: 1, max: 1e9 })),
  ),
  keys: fc.array(fc.tuple(
    fc.oneof(fc.string({ unit: "binary" }), fc.constant("__proto__")),
    fc.string({ unit: "binary" }),
    fc.option(fc.nat()),
  )),
}).map(({ era, sessions, keys }) => {
  const ids = sessions.map(([id]) => sessionId(id));
  return {
    era,
    sessions: new Map(
      sessions.map(([, ttlMs], at) => [
        ids[at] ?? sessionId(""),
        { renewals: revision(`${at + 1}.a`), ttlMs },
      ]),
    ),
    keys: new Map(
      keys.map(([key, value, at], index) => [key, {
        ...{ value, revision: revision(`${index + 1}.b`) },
        session: at === null ? null : ids[at % ids.length] ?? null,
      }]),
    ),
  };
});

Deno.test("a document comes back as it was, whatever stands in it", () => {
  fc.assert(fc.property(documents, (document) => {
    assert.deepEqual(decodeDocument(encodeDocument(document), WHERE), document);
  }));
});

const SESSION = { renewals: "1.a", ttlMs: 1000 };
const KEY = { value: "1", revision: "1.a", session: "s" };
const GOOD = {
  format: 1,
  era: "e",
  keys: { k: KEY },
  sessions: { s: SESSION },
};

Deno.test("what is no document is refused in one sentence", () => {
  assert.equal(decodeDocument(JSON.stringify(GOOD), WHERE).keys.size, 1);
  const bad: readonly unknown[] = [
    ...[null, 1, "x", [], {}, [GOOD]],
    ...[{ ...GOOD, format: 0 }, { ...GOOD, format: "1" }],
    ...[{ ...GOOD, era: 1 }, { ...GOOD, era: "e".repeat(1000) }],
    ...[{ ...GOOD, keys: [] }, { ...GOOD, keys: null }],
    ...[{ ...GOOD, sessions: { s: null } }, { ...GOOD, sessions: undefined }],
    { ...GOOD, keys: { k: { ...KEY, value: 1 } } },
    { ...GOOD, keys: { k: { ...KEY, revision: "" } } },
    { ...GOOD, keys: { k: { ...KEY, revision: 7 } } },
    { ...GOOD, keys: { k: { value: "1", revision: "1.a" } } },
    // Its session is not there.
    { ...GOOD, keys: { k: { ...KEY, session: "t" } } },
    { ...GOOD, sessions: { s: { ...SESSION, ttlMs: 0 } } },
    { ...GOOD, sessions: { s: { ...SESSION, ttlMs: "1000" } } },
    { ...GOOD, sessions: { s: { ...SESSION, ttlMs: 1e300 } } },
    { ...GOOD, sessions: { s: { ...SESSION, renewals: "a b" } } },
  ];
  for (const value of bad) {
    assert.throws(
      () => decodeDocument(JSON.stringify(value), WHERE),
      (error) =>
        error instanceof DcsRefusedError &&
        /the scope in the test is no document of Matriarch's/
          .test(error.message),
      JSON.stringify(value),
    );
  }
  for (const text of ["", "{", "nonsense", "\0"]) {
    assert.throws(() => decodeDocument(text, WHERE), DcsRefusedError);
  }
});

Deno.test("any other text is refused, and never crashes", () => {
  fc.assert(fc.property(fc.json(), (text) => {
    assert.throws(() => decodeDocument(text, WHERE), DcsRefusedError);
  }));
});

Deno.test("a newer form says that it is one", () => {
  assert.throws(
    () => decodeDocument(JSON.stringify({ format: 2 }), WHERE),
    /written by a newer version of Matriarch \(format 2, this one knows 1\)/,
  );
});
