import assert from "node:assert/strict";
import fc from "fast-check";
import { type Revision, revision } from "../../core/base/units.ts";
import type { DcsEntry, DcsSnapshot } from "../../ports/dcs.ts";
import { type CacheChange, KeyCache } from "./cache.ts";

function entry(key: string, at: number): DcsEntry {
  return { key, value: `${at}`, revision: revision(at), leaseId: null };
}

function change(key: string, at: number, isDelete = false): CacheChange {
  const found = isDelete ? null : entry(key, at);
  return { key, revision: revision(at), entry: found };
}

function snapshot(at: number, entries: readonly DcsEntry[]): DcsSnapshot {
  return { revision: revision(at), entries };
}

function keysOf(cache: KeyCache): readonly [string, Revision][] {
  return cache.snapshot().entries.map((e) => [e.key, e.revision]);
}

Deno.test("an older change never overwrites a newer one", () => {
  const cache = new KeyCache(snapshot(5, [entry("a", 3)]));
  cache.apply(change("a", 9));
  cache.apply(change("a", 7));
  cache.apply(change("a", 8, true));
  assert.deepEqual(keysOf(cache), [["a", 9n]]);
});

Deno.test("an own delete is not undone by the watch's older put", () => {
  const cache = new KeyCache(snapshot(5, []));
  cache.apply(change("a", 9, true));
  cache.apply(change("a", 7));
  assert.deepEqual(keysOf(cache), []);
  cache.completeTo(revision(9));
  cache.apply(change("a", 10));
  assert.deepEqual(keysOf(cache), [["a", 10n]]);
});

Deno.test("own writes do not make the cache complete", () => {
  const cache = new KeyCache(snapshot(5, []));
  cache.apply(change("a", 9));
  assert.equal(cache.upTo, 5n);
  assert.equal(cache.snapshot().revision, 9n);
  cache.completeTo(revision(8));
  assert.equal(cache.upTo, 8n);
});

Deno.test("agreesWith() finds a put and a delete that the watch never told", () => {
  const cache = new KeyCache(snapshot(5, [entry("a", 3), entry("b", 4)]));
  const both = [entry("a", 3), entry("b", 4)];
  assert.ok(cache.agreesWith(snapshot(9, both)));
  assert.ok(!cache.agreesWith(snapshot(9, [...both, entry("c", 8)])));
  assert.ok(!cache.agreesWith(snapshot(9, [entry("a", 3)])));
  assert.ok(!cache.agreesWith(snapshot(9, [entry("a", 8), entry("b", 4)])));
  cache.apply(change("d", 12));
  assert.ok(cache.agreesWith(snapshot(9, both)), "newer than the read");
});

Deno.test("any order of the same changes ends in the same keys", () => {
  const changes = fc.uniqueArray(
    fc.record({
      key: fc.constantFrom("a", "b", "c"),
      at: fc.integer({ min: 6, max: 60 }),
      isDelete: fc.boolean(),
    }),
    { selector: (c) => c.at, maxLength: 15 },
  );
  const shuffled = changes.chain((list) =>
    fc.tuple(
      fc.constant(list.toSorted((x, y) => x.at - y.at)),
      fc.shuffledSubarray(list, { minLength: list.length }),
    )
  );
  fc.assert(fc.property(shuffled, ([inOrder, mixed]) => {
    const [first, second] = [inOrder, mixed].map((list) => {
      const cache = new KeyCache(snapshot(5, [entry("a", 3)]));
      for (const { key, at, isDelete } of list) {
        cache.apply(change(key, at, isDelete));
      }
      return keysOf(cache);
    });
    assert.deepEqual(first, second);
  }));
});
