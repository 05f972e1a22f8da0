import assert from "node:assert/strict";
import { decodeSlots, hasLeaderlessClone } from "./slots_codec.ts";
import type { PermanentSlot } from "../model/slot_settings.ts";

const PHYSICAL: PermanentSlot = { type: "physical", clusterType: null };
const LOGICAL: PermanentSlot = {
  type: "logical",
  database: "db",
  plugin: "test_decoding",
};

const VALUES: readonly [unknown, PermanentSlot | null][] = [
  [null, PHYSICAL],
  [{}, PHYSICAL],
  ["", PHYSICAL],
  [{ type: "physical", database: "db" }, PHYSICAL],
  [
    { type: "physical", cluster_type: "standby" },
    { ...PHYSICAL, clusterType: "standby" },
  ],
  [{ cluster_type: "primary", lsn: 5 }, {
    ...PHYSICAL,
    clusterType: "primary",
  }],
  [{ cluster_type: "other" }, PHYSICAL],
  [{ database: "db", plugin: "test_decoding" }, LOGICAL],
  [{ type: "logical", database: "db", plugin: "test_decoding" }, LOGICAL],
  [{ type: "logical", database: "db" }, null],
  [{ type: "unknown" }, null],
  ["text", null],
  [7, null],
  [["a"], null],
];

Deno.test("decodeSlots() reads each form of a permanent slot", () => {
  for (const [value, expected] of VALUES) {
    const { settings, problems } = decodeSlots({ slots: { a: value } });
    const seen = settings.permanent["a"] ?? null;
    assert.deepEqual(seen, expected, JSON.stringify(value));
    assert.equal(problems.length, expected === null ? 1 : 0);
    if (expected === null) {
      assert.match(
        problems[0] ?? "",
        /^Bad value for slot 'a' in permanent_slots: /,
      );
    }
  }
});

Deno.test("decodeSlots() takes the first section that is not empty", () => {
  const read = (document: Record<string, unknown>) =>
    Object.keys(decodeSlots(document).settings.permanent);
  assert.deepEqual(read({ slots: { a: null }, permanent_slots: { b: null } }), [
    "b",
  ]);
  assert.deepEqual(read({ slots: { a: null }, permanent_slots: {} }), ["a"]);
  assert.deepEqual(read({ permanent_replication_slots: { c: 0 }, slots: [] }), [
    "c",
  ]);
  assert.deepEqual(read({ slots: "nonsense" }), []);
});

Deno.test("decodeSlots() refuses names that PostgreSQL would refuse", () => {
  const names = ["A", "a-b", "", "a".repeat(64), "ä"];
  for (const name of names) {
    const { settings, problems } = decodeSlots({ slots: { [name]: null } });
    assert.deepEqual(settings.permanent, {}, name);
    assert.equal(problems.length, 1, name);
  }
  const longest = "a".repeat(63);
  const { settings } = decodeSlots({ slots: { [longest]: null } });
  assert.deepEqual(Object.keys(settings.permanent), [longest]);
});

Deno.test("decodeSlots() reads the slots to leave alone", () => {
  const { settings } = decodeSlots({
    ignore_slots: [{ name: "a", type: "logical" }, {}, "b", { plugin: "" }],
  });
  const anything = { name: null, type: null, database: null, plugin: null };
  assert.deepEqual(settings.ignored, [
    { ...anything, name: "a", type: "logical" },
    anything,
    anything,
  ]);
});

const LEADERLESS: readonly [
  Record<string, unknown>,
  Record<string, unknown>,
  boolean,
][] = [
  [{}, {}, false],
  [{ create_replica_methods: ["a", "basebackup"] }, {}, false],
  [
    { create_replica_methods: ["a"], a: { command: "x", no_leader: 1 } },
    {},
    true,
  ],
  [
    { create_replica_methods: ["a"], a: { no_leader: true } },
    { a: { command: "x" } },
    false,
  ],
  [{ create_replica_methods: ["a"] }, { a: { no_leader: true } }, true],
  [{ create_replica_method: ["a"], a: { no_leader: "yes" } }, {}, true],
  [
    { create_replica_methods: ["basebackup"], basebackup: { no_leader: 1 } },
    {},
    false,
  ],
  [
    { create_replica_methods: ["a"], a: { no_leader: 1 } },
    { create_replica_methods: ["basebackup"] },
    false,
  ],
];

Deno.test("hasLeaderlessClone() looks at the methods in force", () => {
  for (const [dynamic, local, expected] of LEADERLESS) {
    assert.equal(
      hasLeaderlessClone(dynamic, local),
      expected,
      JSON.stringify([dynamic, local]),
    );
  }
});
