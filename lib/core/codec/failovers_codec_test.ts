/** What the key of changes of leader keeps, and what it never lets in. */
import assert from "node:assert/strict";
import { failoverRecord } from "../../../tests/helpers/failover_record.ts";
import {
  decodeFailovers,
  encodeFailovers,
  failoverItem,
  FAILOVERS_MAX,
} from "./failovers_codec.ts";

Deno.test("failovers: what is written is read again", () => {
  const records = [failoverRecord(), failoverRecord({ term: "9" })];
  assert.deepEqual(decodeFailovers(encodeFailovers(records)), records);
  const beyond = failoverRecord({ facts: { lsn: 1n << 60n } });
  assert.deepEqual(decodeFailovers(encodeFailovers([beyond])), [beyond]);
});

Deno.test("failovers: the newest are kept, and no more than fit", () => {
  const many = Array.from(
    { length: FAILOVERS_MAX + 5 },
    (_, index) => failoverRecord({ term: String(index) }),
  );
  const kept = decodeFailovers(encodeFailovers(many));
  assert.deepEqual(kept.map(({ term }) => term), [
    ...Array.from({ length: FAILOVERS_MAX }, (_, index) => String(index + 5)),
  ]);
  const long = "x".repeat(4_096);
  const facts = Object.fromEntries(
    Array.from({ length: 99 }, (_, index) => [`fact${index}`, long]),
  );
  const large = many.map((each) => ({ ...each, facts, sentence: long }));
  const text = encodeFailovers(large);
  assert.ok(text.length < 50_000, String(text.length));
  assert.equal(decodeFailovers(text).at(-1)?.term, String(many.length - 1));
  assert.equal(decodeFailovers(text).at(-1)?.sentence.length, 400);
});

Deno.test("failovers: rubbish is left out, the rest stays", () => {
  assert.deepEqual(decodeFailovers(null), []);
  for (const text of ["", "{}", "[", "7", "[[[]]]", '[{"term":1}]', "[null]"]) {
    assert.deepEqual(decodeFailovers(text), [], text);
  }
  const good = failoverItem(failoverRecord());
  const bad = [
    { ...good, leader: "x".repeat(257) },
    { ...good, timeline: 0 },
    { ...good, timeline: "many" },
    { ...good, term: null },
  ];
  for (const each of bad) {
    const text = JSON.stringify([each, good]);
    assert.equal(decodeFailovers(text).length, 1, text);
  }
  const [odd] = decodeFailovers(JSON.stringify([{
    ...good,
    phases: [{ phase: "taken" }, { phase: "later", at_ms: 7 }, 9],
    lost_bytes: -5,
    left_behind: [{ member: "n1", bytes: "lots" }],
    clients: "none",
    facts: { nested: {}, kept: true },
  }]));
  assert.deepEqual(odd?.phases, [{ name: "later", atMs: 7 }]);
  assert.equal(odd?.lostBytes, null);
  assert.deepEqual(odd?.leftBehind, []);
  assert.deepEqual(odd?.felt, []);
  assert.deepEqual(odd?.facts, { kept: true });
});
