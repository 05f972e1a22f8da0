import assert from "node:assert/strict";
import {
  recordOf,
  renewedRecord,
  sightingOf,
  Stamps,
  takenRecord,
  termOf,
} from "./record.ts";

const TAKER = { name: "n1", ttlMs: 30_000, now: "T1" };

/** As the server has them: texts only. */
function texts(annotations: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(annotations).filter(([, value]) => value !== null),
  );
}

Deno.test("a renewal keeps the term, a bid makes another one", () => {
  const first = texts(takenRecord({}, TAKER));
  assert.deepEqual(first, {
    ...{ leader: "n1", ttl: "30", transitions: "0" },
    ...{ renewTime: "T1", acquireTime: "T1" },
  });
  const record = recordOf(first);
  assert.ok(record !== null);
  const renewed = recordOf(
    texts(renewedRecord(record, { ...TAKER, now: "T2" })),
  );
  assert.ok(renewed !== null);
  assert.equal(termOf(renewed), termOf(record));
  assert.notEqual(
    sightingOf(renewed, 1).renewals,
    sightingOf(record, 1).renewals,
  );
  const again = recordOf(texts(takenRecord(first, { ...TAKER, now: "T3" })));
  assert.ok(again !== null);
  assert.equal(again.transitions, "0");
  assert.notEqual(termOf(again), termOf(record));
});

Deno.test("transitions count the changes from one member to another", () => {
  const before = texts(takenRecord({}, TAKER));
  const other = { ...TAKER, name: "n2" };
  assert.equal(takenRecord(before, other)["transitions"], "1");
  const { leader: _, ...released } = before;
  assert.equal(takenRecord(released, TAKER)["transitions"], "1");
  const odd = { ...before, transitions: "many" };
  assert.equal(takenRecord(odd, other)["transitions"], "0");
});

Deno.test("what is no record, or says no ttl", () => {
  assert.equal(recordOf({}), null);
  assert.equal(recordOf({ leader: "", ttl: "30" }), null);
  for (const ttl of ["", "x", "0", "-1", "1.5", "1e9", "99999999999"]) {
    const record = recordOf({ leader: "n1", ttl });
    assert.equal(record?.ttlMs, null, ttl);
    assert.ok(record !== null);
    assert.equal(sightingOf(record, 7).ttlMs, 7);
  }
  // Observers never wait for less than the holder counts on.
  const short = texts(takenRecord({}, { ...TAKER, ttlMs: 1500 }));
  assert.equal(recordOf(short)?.ttlMs, 2000);
});

Deno.test("no two stamps are the same, also if the clock stands still", () => {
  const stamps = new Stamps(() => Date.UTC(2026, 0, 2));
  const made = new Set(Array.from({ length: 1000 }, () => stamps.next()));
  assert.equal(made.size, 1000);
  for (const stamp of made) {
    assert.match(stamp, /^2026-01-02T00:00:00\.000\d{3}\+00:00$/);
  }
});
