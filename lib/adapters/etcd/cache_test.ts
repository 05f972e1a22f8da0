import assert from "node:assert/strict";
import fc from "fast-check";
import { KeyCache } from "./cache.ts";
import type { CacheChange, StoredKey, StoredScope } from "./keys.ts";

function entry(key: string, at: number): StoredKey {
  return { key, value: `${at}`, at: BigInt(at), leaseId: null };
}

function change(key: string, at: number, isDelete = false): CacheChange {
  const found = isDelete ? null : entry(key, at);
  return { key, at: BigInt(at), entry: found };
}

function snapshot(at: number, entries: readonly StoredKey[]): StoredScope {
  return { at: BigInt(at), entries };
}

function keysOf(cache: KeyCache): readonly [string, string][] {
  return cache.snapshot(null).entries.map((e) => [e.key, e.revision]);
}

Deno.test("an older change never overwrites a newer one", () => {
  const cache = new KeyCache(snapshot(5, [entry("a", 3)]));
  cache.apply(change("a", 9));
  cache.apply(change("a", 7));
  cache.apply(change("a", 8, true));
  assert.deepEqual(keysOf(cache), [["a", "9"]]);
});

Deno.test("an own delete is not undone by the watch's older put", () => {
  const cache = new KeyCache(snapshot(5, []));
  cache.apply(change("a", 9, true));
  cache.apply(change("a", 7));
  assert.deepEqual(keysOf(cache), []);
  cache.completeTo(9n);
  cache.apply(change("a", 10));
  assert.deepEqual(keysOf(cache), [["a", "10"]]);
});

Deno.test("own writes do not make the cache complete", () => {
  const cache = new KeyCache(snapshot(5, []));
  cache.apply(change("a", 9));
  assert.equal(cache.upTo, 5n);
  assert.equal(cache.lastChange, 9n);
  cache.completeTo(8n);
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

Deno.test("a snapshot says which keys hang on the own lease", () => {
  const cache = new KeyCache(snapshot(5, [
    { ...entry("leader", 3), leaseId: "7" },
    entry("sync", 4),
  ]));
  const held = (lease: string | null) =>
    cache.snapshot(lease).entries.map(({ key, isHeld }) => [key, isHeld]);
  assert.deepEqual(held("7"), [["leader", true], ["sync", false]]);
  assert.deepEqual(held("8"), [["leader", false], ["sync", false]]);
  assert.deepEqual(held(null), [["leader", false], ["sync", false]]);
  assert.equal(cache.snapshot("7"), cache.snapshot("7"), "the same object");
});
