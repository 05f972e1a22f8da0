import assert from "node:assert/strict";
import fc from "fast-check";
import { lsn, revision } from "../base/units.ts";
import { clusterTimeline } from "../model/cluster_view.ts";
import {
  decodeClusterView,
  memberKey,
  type StoredEntry,
} from "./cluster_view_codec.ts";

function view(keys: Readonly<Record<string, string>>) {
  const entries: StoredEntry[] = Object.entries(keys).map((
    [key, value],
    i,
  ) => ({
    key,
    value,
    revision: revision(100 + i),
    isHeld: key === "leader",
  }));
  return decodeClusterView({ entries });
}

Deno.test("decodeClusterView() of no keys is a new, unlocked scope", () => {
  assert.deepEqual(view({}), {
    initialize: { kind: "absent" },
    config: null,
    leader: null,
    status: { leaderLsn: null, slots: null, retainSlots: null },
    members: [],
    failover: null,
    sync: { leader: null, quorum: 0, standbys: [], revision: null },
    history: null,
    failsafe: null,
    pledges: [],
    fencing: null,
    failovers: null,
    isMoving: false,
  });
});

Deno.test("decodeClusterView() reads every key of a running scope", () => {
  const seen = view({
    initialize: "7123456789012345678",
    config: '{"ttl":30}',
    leader: "node1",
    status: '{"optime":67108960,"slots":{"node2":9},"retain_slots":["node2"]}',
    "members/node2": '{"state":"running","role":"replica"}',
    "members/node1": '{"state":"running","role":"master"}',
    "members/deep/er": "{}",
    "members/": "{}",
    sync: '{"leader":"node1","quorum":1,"sync_standby":"node2,node3"}',
    failover: '{"leader":"node1","member":"node2"}',
    history: '[[1,25623960,"no recovery target specified","2026","node2"]]',
    failsafe: '{"node1":"http://10.0.0.1:8008/patroni"}',
    unknown: "ignored",
  });
  assert.deepEqual(seen.initialize, {
    kind: "initialized",
    systemId: "7123456789012345678",
  });
  assert.deepEqual(seen.config, { document: { ttl: 30 }, revision: "101" });
  assert.deepEqual(seen.leader, {
    name: "node1",
    isHeld: true,
    revision: "102",
  });
  assert.deepEqual(seen.status, {
    leaderLsn: 67108960n,
    slots: { node2: 9n },
    retainSlots: ["node2"],
  });
  assert.deepEqual(seen.members.map((m) => [m.name, m.role]), [
    ["node1", "primary"],
    ["node2", "replica"],
  ]);
  assert.deepEqual(seen.sync, {
    leader: "node1",
    quorum: 1,
    standbys: ["node2", "node3"],
    revision: "108",
  });
  assert.deepEqual(seen.failover, {
    leader: "node1",
    candidate: "node2",
    scheduledAt: null,
    revision: "109",
  });
  assert.equal(clusterTimeline(seen), 2);
  assert.deepEqual(seen.failsafe, { node1: "http://10.0.0.1:8008/patroni" });
});

Deno.test("decodeClusterView() keeps the revision of an unreadable sync key", () => {
  for (const text of ["", "{", "[]", "{}", '{"leader":null}', '{"leader":5}']) {
    assert.deepEqual(view({ sync: text }).sync, {
      leader: null,
      quorum: 0,
      standbys: [],
      revision: "100",
    }, text);
  }
});

Deno.test("decodeClusterView() keeps an unusable config key's revision", () => {
  for (const text of ["", "x", "[1]", '"a"', "null", "1"]) {
    const expected = { document: null, revision: "100" };
    assert.deepEqual(view({ config: text }).config, expected, text);
  }
  assert.deepEqual(view({ config: "{}" }).config?.document, {});
});

Deno.test("decodeClusterView() tells the states of initialize apart", () => {
  const kind = (text: string) => view({ initialize: text }).initialize.kind;
  assert.equal(kind(""), "bootstrapping");
  assert.equal(kind("1234567890"), "initialized");
  assert.equal(kind("123456789"), "invalid");
  assert.equal(kind("12345678901x"), "invalid");
});

Deno.test("decodeClusterView() falls back to optime/leader for a missing status", () => {
  assert.equal(view({ "optime/leader": "42" }).status.leaderLsn, lsn(42));
  const both = view({ "optime/leader": "42", status: "{}" });
  assert.equal(both.status.leaderLsn, null);
});

const anyText = fc.oneof(
  fc.string(),
  fc.json(),
  fc.json({ maxDepth: 6 }),
  fc.constantFrom("", "{}", "[]", "postgres://a/b?application_name=x", "null"),
  fc.dictionary(
    fc.constantFrom(
      "conn_url",
      "conn_kwargs",
      "tags",
      "timeline",
      "xlog_location",
      "optime",
      "slots",
      "retain_slots",
      "leader",
      "sync_standby",
      "quorum",
      "member",
      "scheduled_at",
      "pending_restart",
      "pending_restart_reason",
      "role",
    ),
    fc.oneof(
      fc.jsonValue(),
      fc.constantFrom({ toString: 1 }, { a: { toString: 1 } }, true, -1),
      fc.bigInt().map(String),
    ),
  ).map((value) => JSON.stringify(value)),
);

Deno.test("decodeClusterView() never fails", () => {
  const keys = fc.constantFrom(
    "initialize",
    "config",
    "leader",
    "status",
    "optime/leader",
    "sync",
    "failover",
    "history",
    "failsafe",
    memberKey("n1"),
    memberKey("__proto__"),
  );
  fc.assert(
    fc.property(fc.dictionary(keys, anyText), (texts) => {
      const seen = view(texts);
      assert.ok(seen.members.every((member) => member.name !== ""));
    }),
    { numRuns: 500 },
  );
});

Deno.test("decodeClusterView() survives text nested thousands deep", () => {
  const deep = "[".repeat(50_000) + "]".repeat(50_000);
  const value = `{"tags":${deep},"slots":${deep},"n":99999999999999999999}`;
  const keys = ["config", "status", "sync", "history", "failsafe", "members/a"];
  view(Object.fromEntries(keys.map((key) => [key, value])));
});
