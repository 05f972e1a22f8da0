import assert from "node:assert/strict";
import fc from "fast-check";
import { lsn } from "../base/units.ts";
import { connUrl, parseConnUrl, parseHostPort } from "./conn_url.ts";
import {
  decodeMember,
  encodeMember,
  isSamePublication,
  type MemberPublication,
} from "./member_codec.ts";
import { slotNameOf } from "./slot_name.ts";

const MINIMAL: MemberPublication = {
  connUrl: "postgres://10.0.0.1:5432/postgres",
  apiUrl: "http://10.0.0.1:8008/patroni",
  state: "running",
  role: "replica",
  version: "4.1.4",
  proxyUrl: null,
  doors: null,
  pledging: null,
  fencing: null,
  isCheckpointAfterPromotePending: false,
  tags: {},
  pendingRestart: null,
  xlogLsn: null,
  replayedLsn: null,
  receivedLsn: null,
  replicationState: null,
  timeline: null,
  scheduledRestart: null,
  isPaused: false,
};

const FULL: MemberPublication = {
  ...MINIMAL,
  proxyUrl: "postgres://10.0.0.1:6432/postgres",
  doors: { primary: 5000, replica: 6000 },
  isCheckpointAfterPromotePending: true,
  tags: { zone: "b", nofailover: true, a: "1" },
  pendingRestart: { max_connections: { oldValue: "100", newValue: "101" } },
  xlogLsn: lsn(18446744073709551615n),
  replayedLsn: lsn(9007199254740993n),
  receivedLsn: lsn(8),
  replicationState: "streaming",
  timeline: 3,
  scheduledRestart: { schedule: "2026-01-31T10:00:00+00:00" },
  isPaused: true,
};

Deno.test("encodeMember() keeps the documented field order", () => {
  assert.equal(
    encodeMember(MINIMAL),
    '{"conn_url":"postgres://10.0.0.1:5432/postgres",' +
      '"api_url":"http://10.0.0.1:8008/patroni","state":"running",' +
      '"role":"replica","version":"4.1.4"}',
  );
  assert.equal(
    encodeMember(FULL).slice(encodeMember(MINIMAL).length - 1),
    ',"proxy_url":"postgres://10.0.0.1:6432/postgres",' +
      '"doors":{"primary":5000,"replica":6000},' +
      '"checkpoint_after_promote":false,' +
      '"tags":{"zone":"b","nofailover":true,"a":"1"},"pending_restart":true,' +
      '"pending_restart_reason":{"max_connections":' +
      '{"old_value":"100","new_value":"101"}},' +
      '"xlog_location":18446744073709551615,"replay_lsn":9007199254740993,' +
      '"receive_lsn":8,"replication_state":"streaming","timeline":3,' +
      '"scheduled_restart":{"schedule":"2026-01-31T10:00:00+00:00"},' +
      '"pause":true}',
  );
});

Deno.test("encodeMember() leaves out positions and timelines of 0", () => {
  const zeros = {
    ...MINIMAL,
    replayedLsn: lsn(0),
    receivedLsn: lsn(0),
    timeline: 0,
  };
  assert.equal(encodeMember(zeros), encodeMember(MINIMAL));
});

Deno.test("decodeMember() reads back what was published", () => {
  const member = decodeMember("n1", encodeMember(FULL));
  assert.equal(member.xlogLsn, FULL.xlogLsn);
  assert.equal(member.replayedLsn, FULL.replayedLsn);
  assert.deepEqual(member.pendingRestart, FULL.pendingRestart);
  assert.deepEqual(member.tags.published, FULL.tags);
  assert.equal(member.tags.isNofailover, true);
  assert.equal(member.isCheckpointAfterPromotePending, true);
  assert.equal(member.timeline, 3);
  assert.equal(member.isPaused, true);
  assert.deepEqual(member.scheduledRestart, FULL.scheduledRestart);
});

Deno.test("decodeMember() of unreadable text knows the name only", () => {
  for (const text of ["", "x", "[]", "null", "1", "{"]) {
    const { name, connUrl, apiUrl, state, role } = decodeMember("n", text);
    assert.deepEqual(
      [name, connUrl, apiUrl, state, role],
      ["n", null, null, "unknown", null],
      text,
    );
  }
});

Deno.test("decodeMember() reads the forms of older members", () => {
  const governor = decodeMember(
    "n",
    "postgres://h:5432/db?application_name=http://h:8008/patroni",
  );
  assert.equal(governor.connUrl, "postgres://h:5432/db");
  assert.equal(governor.apiUrl, "http://h:8008/patroni");
  const kwargs = decodeMember(
    "n",
    '{"conn_kwargs":{"host":"h","port":"5433"}}',
  );
  assert.equal(kwargs.connUrl, "postgres://h:5433/postgres");
  const noPort = decodeMember("n", '{"conn_kwargs":{"host":"h"}}');
  assert.equal(noPort.connUrl, "postgres://h:5432/postgres");
  assert.equal(decodeMember("n", '{"role":"master"}').role, "primary");
  assert.equal(decodeMember("n", '{"role":"slave"}').role, null);
  assert.equal(decodeMember("n", '{"state":"sleeping"}').state, "unknown");
});

const SAME: readonly (readonly [string, string, boolean])[] = [
  ['{"a":1}', '{"a":1}', true],
  ['{"a":{"x":1,"y":2}}', '{"a":{"y":"2","x":1}}', true],
  ['{"a":[1,2]}', '{"a":[1,2]}', true],
  ['{"a":[1,2]}', '{"a":[2,1]}', false],
  ['{"a":{"x":1}}', '{"a":1}', false],
  ['{"a":1}', '{"a":1,"b":null}', false],
  ['{"a":1,"b":1}', '{"a":1,"c":1}', false],
  ['{"a":true}', '{"a":false}', false],
  ["", "{}", false],
  ["x", '{"a":1}', false],
];

Deno.test("isSamePublication() compares maps by field, the rest by text", () => {
  for (const [stored, fresh, expected] of SAME) {
    assert.equal(isSamePublication(stored, fresh), expected, stored + fresh);
  }
});

Deno.test("slotNameOf() makes a valid slot name of any member name", () => {
  const cases = [
    ["Node1", "node1"],
    ["node-1.example", "node_1_example"],
    ["a@b", "au0064b"],
    ["ü", "u0252"],
    ["😀", "u128512"],
    ["x".repeat(70), "x".repeat(63)],
  ] as const;
  for (const [name, expected] of cases) {
    assert.equal(slotNameOf(name), expected);
  }
  fc.assert(fc.property(fc.string({ minLength: 1 }), (name) => {
    assert.match(slotNameOf(name), /^[a-z0-9_]{1,63}$/);
  }));
});

const URLS: readonly (readonly [string, string | null, number])[] = [
  ["postgres://h/db", "h", 5432],
  ["postgresql://u:p%40@h:5433/db?x=y", "h", 5433],
  ["postgres://[::1]:5433/db", "::1", 5433],
  ["postgres://[::1]/db", "::1", 5432],
  ["postgres://h1:1,h2:2/db", "h1", 1],
  ["h:99", "h", 99],
  ["postgres:///db", null, 0],
  ["postgres://h:0/db", null, 0],
  ["postgres://h:65536/", null, 0],
  ["postgres://h:/db", null, 0],
  ["", null, 0],
];

Deno.test("parseConnUrl() finds host and port, or says that there are none", () => {
  for (const [url, host, port] of URLS) {
    const expected = host === null ? null : { host, port };
    assert.deepEqual(parseConnUrl(url), expected, url);
  }
  assert.deepEqual(parseHostPort("fe80::1:5432"), {
    host: "fe80::1",
    port: 5432,
  });
});

Deno.test("an address comes back from its URL", () => {
  const address = fc.record({
    host: fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6()),
    port: fc.integer({ min: 1, max: 65535 }),
  });
  fc.assert(fc.property(address, (a) => {
    assert.deepEqual(parseConnUrl(connUrl(a)), { ...a });
  }));
});

Deno.test("a host carries nothing but a name or an address", () => {
  const hostile = [
    "postgres://h sslmode=disable/db",
    "postgres://h\t:5432/db",
    "postgres://'h'/db",
    "postgres://h\\:1/db",
    "postgres://h\u001b[31m:5432/db",
    `postgres://${" ".repeat(4000)}/db`,
    `postgres://${"h".repeat(256)}:5432/db`,
    `postgres://h/${"d".repeat(5000)}`,
  ];
  for (const url of hostile) assert.equal(parseConnUrl(url), null, url);
});

Deno.test("decodeMember() takes no port that is none", () => {
  const doors = { primary: 5000, replica: 65536 };
  assert.equal(decodeMember("n1", JSON.stringify({ doors })).doors, null);
});
