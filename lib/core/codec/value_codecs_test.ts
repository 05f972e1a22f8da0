import assert from "node:assert/strict";
import fc from "fast-check";
import { lsn, revision } from "../base/units.ts";
import { decodeFailover, encodeFailover } from "./failover_codec.ts";
import { decodeFailsafe, encodeFailsafe } from "./failsafe_codec.ts";
import { decodeHistory, encodeHistory } from "./history_codec.ts";
import { encodeJson, parseJson } from "./json.ts";
import { decodeStatus, encodeStatus } from "./status_codec.ts";
import { decodeSync, encodeSync } from "./sync_codec.ts";

const R = revision(5);
const name = fc.stringMatching(/^[a-zA-Z0-9_.-]{1,12}$/);
const position = fc.bigInt({ min: 1n, max: (1n << 64n) - 1n }).map(lsn);

Deno.test("numbers of 64 bits survive both ways", () => {
  const text = '{"a":18446744073709551615,"b":[9007199254740993],"c":1.5}';
  assert.equal(encodeJson(parseJson(text) as Record<string, unknown>), text);
  assert.equal(parseJson("12345678901234567890123"), 12345678901234567890123n);
  assert.equal(parseJson("1e400"), Infinity);
});

Deno.test("encodeStatus() writes the documented text", () => {
  const slots = {
    node2: lsn(67108960),
    my_logical: lsn(67100000),
    node1: lsn(67108960),
  };
  const status = {
    leaderLsn: lsn(67108960),
    slots,
    retainSlots: ["node2", "node1"],
  };
  assert.equal(
    encodeStatus(status),
    '{"optime":67108960,"slots":{"node2":67108960,"my_logical":67100000,' +
      '"node1":67108960},"retain_slots":["node1","node2"]}',
  );
});

Deno.test("decodeStatus() is lenient", () => {
  const cases: readonly [string, bigint | null][] = [
    ['{"optime":"67108960"}', 67108960n],
    ['{"optime":" 5 "}', 5n],
    ['{"optime":"0/4000060"}', null],
    ['{"optime":null}', null],
    ['{"optime":0}', null],
    ['{"optime":-1}', null],
    ['{"optime":18446744073709551616}', null],
    ["42", 42n],
    ["x", null],
  ];
  for (const [text, expected] of cases) {
    assert.equal(decodeStatus(text, null).leaderLsn, expected, text);
  }
  const wrapped = decodeStatus(
    '{"optime":1,"slots":"{\\"a\\":\\"x\\",\\"b\\":7}","retain_slots":"[\\"a\\"]"}',
    null,
  );
  assert.deepEqual(wrapped.slots, { a: 0n, b: 7n });
  assert.deepEqual(wrapped.retainSlots, ["a"]);
  const broken = decodeStatus('{"slots":"{","retain_slots":"{}"}', null);
  assert.deepEqual([broken.slots, broken.retainSlots], [null, null]);
});

Deno.test("a status comes back as it was written", () => {
  const status = fc.record({
    leaderLsn: position,
    slots: fc.option(fc.dictionary(name, position, { minKeys: 1 })),
    retainSlots: fc.option(fc.uniqueArray(name, { minLength: 1 })),
  });
  fc.assert(fc.property(status, (s) => {
    const sorted = s.retainSlots?.toSorted() ?? null;
    const back = decodeStatus(encodeStatus(s), null);
    assert.deepEqual(back, {
      leaderLsn: s.leaderLsn,
      slots: s.slots === null ? null : { ...s.slots },
      retainSlots: sorted,
    });
  }));
});

Deno.test("encodeSync() writes null for no standbys", () => {
  const sync = { leader: "node1", quorum: 0, standbys: [] };
  const text = '{"leader":"node1","quorum":0,"sync_standby":null}';
  assert.equal(encodeSync(sync), text);
});

Deno.test("decodeSync() trims names and doubts the quorum", () => {
  const decode = (text: string) => decodeSync(text, R);
  const seen = decode('{"leader":"a","quorum":"2","sync_standby":" b ,,c"}');
  assert.deepEqual(seen.standbys, ["b", "c"]);
  assert.equal(seen.quorum, 2);
  assert.equal(decode('{"leader":"a","quorum":"x"}').quorum, 0);
  assert.equal(decode('{"leader":"a","quorum":-3}').quorum, 0);
  assert.equal(decode('{"leader":"a"}').quorum, 0);
});

Deno.test("a sync state comes back as it was written", () => {
  const sync = fc.record({
    leader: name,
    quorum: fc.nat(9),
    standbys: fc.uniqueArray(name),
  });
  fc.assert(fc.property(sync, (s) => {
    const expected = { ...s, standbys: s.standbys.toSorted(), revision: R };
    assert.deepEqual(decodeSync(encodeSync(s), R), expected);
  }));
});

Deno.test("decodeFailover() reads JSON, the old text, and nothing", () => {
  const decode = (text: string) => decodeFailover(text, R);
  const request = (leader: string | null, candidate: string | null) => ({
    leader,
    candidate,
    scheduledAt: null,
    revision: R,
  });
  assert.deepEqual(decode('{"member":"b"}'), request(null, "b"));
  assert.deepEqual(decode(" a : b "), request("a", "b"));
  assert.deepEqual(decode("a"), request("a", null));
  assert.deepEqual(decode(":b"), request(null, "b"));
  for (const text of ["", "{}", "[]", "1", ":", '{"scheduled_at":"x"}']) {
    assert.equal(decode(text), null, text);
  }
  const text =
    '{"leader":"node1","member":"node2","scheduled_at":"2026-01-31T10:00:00+00:00"}';
  const seen = decode(text);
  assert.ok(seen !== null);
  assert.equal(encodeFailover(seen), text);
  const none = { leader: null, candidate: null, scheduledAt: null };
  assert.equal(encodeFailover(none), "{}");
});

Deno.test("history keeps its text, three to five items a line", () => {
  const text = '[[1,25623960,"no recovery target specified",' +
    '"2026-01-31T10:00:00.123456+01:00","node2"],' +
    '[2,26000000,"no recovery target specified"],[3,27,"x","2026"]]';
  const lines = decodeHistory(text);
  assert.ok(lines !== null);
  assert.equal(encodeHistory(lines), text);
  assert.equal(lines[0]?.newLeader, "node2");
  assert.equal(lines[1]?.timestamp, null);
});

Deno.test("an unreadable history is unknown, an empty one is not", () => {
  assert.deepEqual(decodeHistory("[]"), []);
  const bad = [
    null,
    "",
    "{}",
    "[1]",
    "[[1,2]]",
    '[["x",2,""]]',
    "[[0,2,3]]",
    "[[1,-2,3]]",
  ];
  for (const text of bad) assert.equal(decodeHistory(text), null, `${text}`);
  assert.equal(decodeHistory('[[1,2,"",null,null,"more"]]')?.length, 1);
});

Deno.test("failsafe skips members without URL", () => {
  assert.deepEqual(decodeFailsafe('{"a":"http://a","b":null,"c":1}'), {
    a: "http://a",
  });
  assert.equal(decodeFailsafe("[]"), null);
  assert.equal(decodeFailsafe(null), null);
  assert.equal(encodeFailsafe({ b: "1", a: "2" }), '{"b":"1","a":"2"}');
});
