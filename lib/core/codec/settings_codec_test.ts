import assert from "node:assert/strict";
import fc from "fast-check";
import { DEFAULT_SETTINGS } from "../model/settings.ts";
import { decodeSettings, settingsProblems } from "./settings_codec.ts";
import { decodeTags, tagConflicts, tagConflictText } from "./tags_codec.ts";

type Timing = readonly [number, number, number];

function timing(document: Record<string, unknown>): Timing {
  const s = decodeSettings(document);
  return [s.ttlMs / 1000, s.loopWaitMs / 1000, s.retryTimeoutMs / 1000];
}

Deno.test("decodeSettings() of an empty document is the defaults", () => {
  assert.deepEqual(decodeSettings({}), DEFAULT_SETTINGS);
  assert.deepEqual(settingsProblems({}), []);
});

const TIMINGS: readonly [unknown, unknown, unknown, Timing][] = [
  [10, 10, 10, [20, 1, 9]],
  [30, 10, 20, [30, 1, 14]],
  [30, 10, 12, [30, 6, 12]],
  [30, 10, 10, [30, 10, 10]],
  ["40", "5", "6", [40, 5, 6]],
  [30.9, 10.9, 10.9, [30, 10, 10]],
  [20, 0, 1, [20, 1, 3]],
  [86400, 3600, 10, [86400, 3600, 10]],
];

Deno.test("decodeSettings() repairs the timing rule in the documented order", () => {
  for (const [ttl, loop_wait, retry_timeout, expected] of TIMINGS) {
    const seen = timing({ ttl, loop_wait, retry_timeout });
    assert.deepEqual(seen, expected, `${ttl}/${loop_wait}/${retry_timeout}`);
  }
});

Deno.test("repaired timing always keeps the rule and the minimums", () => {
  const seconds = fc.integer({ min: -5, max: 400 });
  fc.assert(fc.property(seconds, seconds, seconds, (ttl, loop, retry) => {
    const document = { ttl, loop_wait: loop, retry_timeout: retry };
    const [t, l, r] = timing(document);
    assert.ok(t >= 20 && l >= 1 && r >= 3 && l + 2 * r <= t, `${[t, l, r]}`);
    const isUnchanged = t === ttl && l === loop && r === retry;
    assert.equal(settingsProblems(document).length === 0, isUnchanged);
  }));
});

Deno.test("lower floors, which only tests are composed with, let less pass", () => {
  const floors = { ttl: 2, loop_wait: 1, retry_timeout: 1 };
  const document = { ttl: 7, loop_wait: 1, retry_timeout: 2 };
  const { ttlMs, loopWaitMs, retryTimeoutMs } = decodeSettings(document, {
    floors,
  });
  assert.deepEqual(
    [ttlMs, loopWaitMs, retryTimeoutMs],
    [7_000, 1_000, 2_000],
  );
  assert.deepEqual(settingsProblems(document, floors), []);
  // The rule between the three holds all the same.
  const [problem] = settingsProblems({ ...document, ttl: 3 }, floors);
  assert.match(problem ?? "", /^Violated the rule/);
});

Deno.test("settingsProblems() names what it repaired", () => {
  const [first, second] = settingsProblems({ ttl: 10 });
  assert.equal(first, "ttl=10 can't be smaller than 20, adjusting...");
  assert.match(
    second ?? "",
    /^Violated the rule "loop_wait \+ 2\*retry_timeout <= ttl"/,
  );
});

Deno.test("timing that is no number keeps the one in force, not the rest", () => {
  const previous = { ...DEFAULT_SETTINGS, ttlMs: 99_000 };
  for (const ttl of ["30s", null, "", {}, [], "1.5"]) {
    const document = { ttl, pause: true };
    const settings = decodeSettings(document, { previous });
    assert.equal(settings.ttlMs, 99_000);
    assert.equal(settings.isPaused, true);
    assert.match(settingsProblems(document)[0] ?? "", /dynamic_configuration/);
  }
  assert.equal(decodeSettings(null, { previous }), previous);
});

Deno.test("decodeSettings() reads integers, aliases and units", () => {
  const seen = decodeSettings({
    maximum_lag_on_failover: "0x10",
    max_timelines_history: "7",
    master_start_timeout: 5,
    primary_stop_timeout: "5min",
    master_stop_timeout: 9,
    member_slots_ttl: "30min",
    maximum_lag_on_syncnode: true,
  });
  assert.equal(seen.maximumLagOnFailoverBytes, 16);
  assert.equal(seen.timelinesHistoryMax, 7);
  assert.equal(seen.primaryStartTimeoutMs, 5000);
  assert.equal(seen.primaryStopTimeoutMs, 0);
  assert.equal(seen.memberSlotsTtlMs, 1_800_000);
  assert.equal(seen.maximumLagOnSyncnodeBytes, -1);
});

Deno.test("a time above its bound is cut, with one sentence", () => {
  const day = 86_400;
  const cases: readonly (readonly [Record<string, unknown>, number, number])[] =
    [
      [{ ttl: 86_400_000 }, 86_400_000, 1],
      [{ ttl: "9".repeat(15) }, 86_400_000, 1],
      [{ ttl: 86_400 }, 86_400_000, 0],
    ];
  for (const [document, ttlMs, count] of cases) {
    const settings = decodeSettings(document);
    assert.equal(settings.ttlMs, ttlMs);
    assert.ok(settings.loopWaitMs + 2 * settings.retryTimeoutMs <= ttlMs);
    const problems = settingsProblems(document);
    assert.equal(problems.length, count, problems.join("\n"));
    if (count > 0) assert.match(problems[0] ?? "", /^ttl=.*larger than 86400/);
  }
  const others = {
    primary_race_backoff: "1e300",
    master_start_timeout: 86_400_000,
    primary_stop_timeout: "864000000",
    member_slots_ttl: "1000d",
  };
  const seen = decodeSettings(others);
  assert.equal(seen.primaryRaceBackoffMs, 3_600_000);
  assert.equal(seen.primaryStartTimeoutMs, 7 * day * 1000);
  assert.equal(seen.primaryStopTimeoutMs, day * 1000);
  assert.equal(seen.memberSlotsTtlMs, 366 * day * 1000);
  const problems = settingsProblems(others);
  assert.equal(problems.length, 4, problems.join("\n"));
  assert.match(problems[1] ?? "", /^master_start_timeout=86400000 can't be/);
});

Deno.test("a retry_timeout of days is accepted, with its warning", () => {
  const document = { ttl: 30, retry_timeout: 864_000_000 };
  assert.equal(decodeSettings(document).retryTimeoutMs, 14_000);
  assert.equal(settingsProblems(document).length, 2);
});

Deno.test("no number of a document is infinite", () => {
  const huge = `0x${"f".repeat(400)}`;
  const seen = decodeSettings({
    ttl: huge,
    maximum_lag_on_failover: huge,
    maximum_lag_on_syncnode: "9".repeat(400),
    max_timelines_history: "9".repeat(400),
    synchronous_node_count: "9".repeat(400),
    member_slots_ttl: `${"9".repeat(308)}d`,
    primary_start_timeout: "9".repeat(400),
  });
  for (const [name, value] of Object.entries(seen)) {
    if (typeof value !== "number") continue;
    assert.ok(Number.isFinite(value), name);
  }
});

Deno.test("decodeSettings() reads the synchronous modes", () => {
  const mode = (synchronous_mode: unknown, more = {}) =>
    decodeSettings({ synchronous_mode, ...more }).synchronousMode;
  assert.equal(mode("Quorum"), "quorum");
  assert.equal(mode("On"), "on");
  assert.equal(mode(1), "on");
  assert.equal(mode("maybe"), "off");
  assert.equal(mode("on", { standby_cluster: { host: "h" } }), "off");
  assert.equal(mode("on", { standby_cluster: { host: "" } }), "on");
  const count = (document: Record<string, unknown>) =>
    decodeSettings(document).synchronousNodeCount;
  assert.equal(count({ synchronous_node_count: 0 }), 0);
  assert.equal(count({ synchronous_node_count: -1 }), 0);
  const strict = { synchronous_mode_strict: "yes" };
  assert.equal(count({ synchronous_node_count: 0, ...strict }), 1);
});

Deno.test("decodeSettings() tells flags from booleans, local from dynamic", () => {
  const seen = decodeSettings({
    postgresql: {
      use_slots: "off",
      use_pg_rewind: "false",
      remove_data_directory_on_rewind_failure: true,
    },
  }, {
    localPostgresql: {
      use_slots: true,
      remove_data_directory_on_rewind_failure: false,
    },
  });
  assert.equal(seen.hasSlots, false);
  assert.equal(seen.isRewindAllowed, true);
  assert.equal(seen.isDataRemovedOnRewindFailure, false);
});

Deno.test("decodeSettings() never fails", () => {
  const document = fc.dictionary(
    fc.constantFrom(
      "ttl",
      "loop_wait",
      "pause",
      "postgresql",
      "standby_cluster",
      "synchronous_mode",
      "synchronous_node_count",
      "member_slots_ttl",
    ),
    fc.oneof(fc.jsonValue(), fc.bigInt(), fc.constant({ toString: 1 })),
  );
  fc.assert(fc.property(document, (d) => {
    const settings = decodeSettings(d);
    assert.ok(Number.isFinite(settings.ttlMs));
    settingsProblems(d);
  }));
});

interface TagCase {
  readonly raw: unknown;
  readonly isNofailover: boolean;
  readonly priority: number;
  readonly published: Record<string, unknown>;
  readonly conflicts: number;
}

const TAGS: readonly TagCase[] = [
  { raw: {}, isNofailover: false, priority: 1, published: {}, conflicts: 0 },
  { raw: "x", isNofailover: false, priority: 1, published: {}, conflicts: 0 },
  {
    raw: { nofailover: false, nosync: 0, nostream: "", clonefrom: null },
    isNofailover: false,
    priority: 1,
    published: {},
    conflicts: 0,
  },
  {
    raw: { failover_priority: "0" },
    isNofailover: true,
    priority: 0,
    published: { failover_priority: "0" },
    conflicts: 0,
  },
  {
    raw: { nofailover: false, failover_priority: 0 },
    isNofailover: false,
    priority: 0,
    published: { nofailover: false, failover_priority: 0 },
    conflicts: 1,
  },
  {
    raw: { nofailover: true, failover_priority: 1 },
    isNofailover: true,
    priority: 0,
    published: { nofailover: true, failover_priority: 1 },
    conflicts: 1,
  },
  {
    raw: { failover_priority: "x", noloadbalance: "false" },
    isNofailover: false,
    priority: 1,
    published: { failover_priority: "x", noloadbalance: "false" },
    conflicts: 0,
  },
];

Deno.test("decodeTags() weighs flags against priorities", () => {
  for (const { raw, ...expected } of TAGS) {
    const tags = decodeTags(raw);
    assert.deepEqual(
      {
        isNofailover: tags.isNofailover,
        priority: tags.failoverPriority,
        published: tags.published,
        conflicts: tagConflicts(raw).length,
      },
      expected,
      JSON.stringify(raw),
    );
  }
});

Deno.test("tagConflictText() is the text that tools look for", () => {
  const texts = tagConflicts({
    nofailover: true,
    failover_priority: "1",
    nosync: false,
    sync_priority: 0,
  }).map(tagConflictText);
  assert.deepEqual(texts, [
    "Conflicting configuration between nofailover: True and " +
    "failover_priority: 1. Defaulting to nofailover: True",
    "Conflicting configuration between nosync: False and sync_priority: 0. " +
    "Defaulting to nosync: False",
  ]);
});

Deno.test("decodeSettings() reads the section of a standby cluster", () => {
  const cases: readonly (readonly [unknown, unknown])[] = [
    [undefined, null],
    [{}, null],
    [{ primary_slot_name: "x" }, null],
    [{ host: "a" }, { host: "a", port: 5432, primarySlotName: null }],
    [{ port: "5433" }, { host: "localhost", port: 5433 }],
    [
      { host: "a,b", primary_slot_name: "My-Slot" },
      { host: "a,b", primarySlotName: "my_slot" },
    ],
    [
      { restore_command: "cp", create_replica_methods: ["x"] },
      { host: null, restoreCommand: "cp", createReplicaMethods: ["x"] },
    ],
    [
      { host: "a", recovery_min_apply_delay: 5 },
      { host: "a", recoveryMinApplyDelay: "5" },
    ],
  ];
  for (const [section, wanted] of cases) {
    const settings = decodeSettings({ standby_cluster: section });
    const seen = settings.standbyCluster;
    assert.equal(settings.isStandbyCluster, seen !== null);
    if (wanted === null) assert.equal(seen, null);
    else assert.deepEqual({ ...seen, ...Object(wanted) }, seen);
  }
});

Deno.test("decodeSettings() reads what an acknowledgement means", () => {
  const commitPosition = (value: unknown, local = {}) =>
    decodeSettings(
      { postgresql: { parameters: { synchronous_commit: value } } },
      { localPostgresql: local },
    ).commitPosition;
  assert.equal(commitPosition("remote_apply"), "replayed");
  assert.equal(commitPosition("remote_write"), "written");
  assert.equal(commitPosition("on"), "flushed");
  assert.equal(commitPosition(undefined), "flushed");
  const local = { parameters: { synchronous_commit: "remote_apply" } };
  assert.equal(commitPosition("on", local), "replayed");
});

Deno.test("decodeSettings() reads primary_race_backoff in seconds", () => {
  assert.equal(
    decodeSettings({ primary_race_backoff: 6 }).primaryRaceBackoffMs,
    6_000,
  );
  assert.equal(decodeSettings({}).primaryRaceBackoffMs, 0);
});
