import assert from "node:assert/strict";
import {
  annotationsOf,
  keysOf,
  objectName,
  placeOf,
  valueOf,
} from "./layout.ts";

Deno.test("each key has its object, others have no place", () => {
  const objects = ["leader", "config", "failover", "sync"].map((role) => [
    role,
    ["leader", "status", "failsafe", "initialize", "config", "history"]
      .concat("failovers", "failover", "sync").filter((key) => {
        const place = placeOf(key);
        return place?.kind === "object" && place.role === role;
      }),
  ]);
  assert.deepEqual(objects, [
    ["leader", ["leader", "status", "failsafe"]],
    ["config", ["initialize", "config", "history", "failovers"]],
    ["failover", ["failover"]],
    ["sync", ["sync"]],
  ]);
  assert.deepEqual(keysOf("leader"), ["status", "failsafe"]);
  assert.deepEqual(placeOf("members/pg-0"), { kind: "pod", name: "pg-0" });
  for (const key of ["members/", "members/N1", "members/a/b", "x", "optime"]) {
    assert.equal(placeOf(key), null, key);
  }
});

Deno.test("with Endpoints the leader's object is the scope itself", () => {
  const layout = { namespace: "d", base: "batman-0", labels: {} };
  const names = [true, false].map((hasEndpoints) =>
    (["leader", "sync"] as const).map((role) =>
      objectName({ ...layout, hasEndpoints }, role)
    )
  );
  assert.deepEqual(names, [
    ["batman-0", "batman-0-sync"],
    ["batman-0-leader", "batman-0-sync"],
  ]);
});

Deno.test("values come back from Patroni's annotations as they went", () => {
  const cases: readonly (readonly [string, string, object])[] = [
    ["config", '{"ttl":30}', { config: '{"ttl":30}' }],
    ["initialize", "", { initialize: "" }],
    ["members/n1", "{}", { status: "{}" }],
    [
      "status",
      '{"optime":9223372036854775807,"slots":{"n2":67108960},"retain_slots":["n2"]}',
      {
        optime: "9223372036854775807",
        slots: '{"n2":67108960}',
        retain_slots: '["n2"]',
      },
    ],
    ["status", '{"optime":5}', {
      optime: "5",
      slots: null,
      retain_slots: null,
    }],
    ["sync", '{"leader":"n1","quorum":1,"sync_standby":"n2,n3"}', {
      ...{ leader: "n1", quorum: "1", sync_standby: "n2,n3" },
    }],
    ["sync", '{"leader":"n1","quorum":0,"sync_standby":null}', {
      ...{ leader: "n1", quorum: "0", sync_standby: null },
    }],
    ["failover", '{"leader":"n1","member":"n2"}', {
      ...{ leader: "n1", member: "n2", scheduled_at: null },
    }],
  ];
  for (const [key, value, annotations] of cases) {
    const made = annotationsOf(key, value);
    assert.deepEqual(made, annotations, key);
    const kept = Object.entries(made ?? {}).flatMap(([name, text]) =>
      text === null ? [] : [[name, text] as const]
    );
    assert.equal(valueOf(key, Object.fromEntries(kept)), value);
  }
});

Deno.test("what is not there, or empty, is no value", () => {
  for (const key of ["config", "status", "sync", "failover", "members/a"]) {
    assert.equal(valueOf(key, {}), null);
  }
  // As a strategic merge of nulls leaves it.
  const empty = { leader: "", quorum: "", sync_standby: "", optime: "" };
  for (const key of ["sync", "failover", "status"]) {
    assert.equal(valueOf(key, empty), null, key);
  }
  assert.deepEqual(annotationsOf("failover", "{}"), {
    ...{ leader: null, member: null, scheduled_at: null },
  });
  assert.deepEqual(annotationsOf("sync", null), {
    ...{ leader: null, quorum: null, sync_standby: null },
  });
});

Deno.test("a value without a form is refused, hostile annotations are read", () => {
  assert.equal(annotationsOf("failover", "n1:n2"), null);
  assert.equal(annotationsOf("sync", "[1]"), null);
  const odd = { optime: "x", slots: "[1", retain_slots: "{", quorum: "-1" };
  assert.equal(valueOf("status", odd), "{}");
  assert.equal(
    valueOf("sync", odd),
    '{"leader":null,"quorum":0,"sync_standby":null}',
  );
});
