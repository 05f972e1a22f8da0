import assert from "node:assert/strict";
import { lsn, moment } from "../../base/units.ts";
import {
  healthCheck,
  type HealthFacts,
  liveness,
  type LivenessFacts,
  readiness,
} from "./health.ts";

const REPLICA: HealthFacts = {
  state: "running",
  role: "replica",
  hasView: true,
  isPaused: false,
  isStandbyCluster: false,
  isLockHeld: false,
  isNoloadbalance: false,
  syncState: null,
  leaderLsn: lsn(5000),
  upstreamLsn: null,
  receivedLsn: lsn(4800),
  replayedLsn: lsn(4000),
  isStreaming: true,
  replicationState: "streaming",
  isFailsafeActive: false,
  tags: {},
};

const LEADER: HealthFacts = {
  ...REPLICA,
  role: "primary",
  isLockHeld: true,
  isStreaming: false,
  replicationState: null,
};

function check(
  path: string,
  facts: HealthFacts,
  query: Readonly<Record<string, string>> = {},
): number {
  return healthCheck(path, facts, new Map(Object.entries(query)));
}

const CASES: Readonly<
  Record<string, readonly [HealthFacts, readonly string[], readonly string[]]>
> = {
  "leader of a regular cluster": [
    LEADER,
    [
      "/",
      "/leader",
      "/primary",
      "/primary/",
      "/master",
      "/read-write",
      "/read-only",
      "/health",
      "/replica-leaderboard",
      "/read-only-sync",
      "/read-only-synchronous",
      "/read-only-quorum",
    ],
    [
      "/standby_leader",
      "/standby-leader",
      "/replica",
      "/sync",
      "/quorum",
      "/async",
      "/nothing",
    ],
  ],
  "leader whose instance is starting still answers primary": [
    { ...LEADER, state: "starting", role: "replica" },
    ["/", "/primary", "/leader", "/read-write", "/read-only"],
    ["/health", "/replica", "/standby-leader"],
  ],
  "leader of a standby cluster": [
    { ...LEADER, role: "standby_leader", isStandbyCluster: true },
    ["/leader", "/standby_leader", "/standby-leader/", "/read-only", "/health"],
    ["/", "/primary", "/replica", "/read-write"],
  ],
  "lock held in a standby cluster by a replica": [
    { ...REPLICA, isLockHeld: true, isStandbyCluster: true },
    ["/standby_leader", "/leader", "/read-only"],
    ["/replica", "/primary"],
  ],
  "lock held in a standby cluster by a primary": [
    { ...LEADER, isStandbyCluster: true },
    ["/leader"],
    ["/standby_leader", "/primary", "/read-only"],
  ],
  "asynchronous replica": [
    REPLICA,
    ["/replica", "/read-only", "/async", "/asynchronous", "/health"],
    [
      "/",
      "/primary",
      "/leader",
      "/sync",
      "/synchronous",
      "/quorum",
      "/read-only-sync",
      "/read-only-quorum",
      "/async/",
    ],
  ],
  "synchronous replica": [
    { ...REPLICA, syncState: "sync" },
    [
      "/sync",
      "/synchronous",
      "/read-only-sync",
      "/read-only-synchronous",
      "/replica",
    ],
    [
      "/async",
      "/asynchronous",
      "/quorum",
      "/read-only-quorum",
      "/sync/",
      "/synchronous/",
      "/read-only-sync/",
    ],
  ],
  "quorum replica": [
    { ...REPLICA, syncState: "quorum" },
    ["/quorum", "/read-only-quorum", "/replica", "/read-only"],
    ["/sync", "/async", "/read-only-sync", "/quorum/", "/read-only-quorum/"],
  ],
  "replica with noloadbalance": [
    { ...REPLICA, isNoloadbalance: true },
    ["/health"],
    ["/replica", "/read-only", "/async"],
  ],
  "replica that does not answer": [
    { ...REPLICA, state: "unknown" },
    [],
    ["/replica", "/read-only", "/health", "/async"],
  ],
  "former primary without lock": [
    { ...LEADER, isLockHeld: false },
    ["/health"],
    ["/", "/primary", "/leader", "/replica", "/read-only"],
  ],
  "replica without view": [
    { ...REPLICA, hasView: false, syncState: "sync" },
    ["/replica", "/read-only", "/health"],
    ["/sync", "/async", "/quorum", "/read-only-sync", "/read-only-quorum"],
  ],
  "leader without view, lock still held": [
    { ...LEADER, hasView: false },
    ["/", "/leader", "/read-only"],
    ["/read-only-sync", "/read-only-quorum"],
  ],
  "primary without view in pause": [
    { ...LEADER, hasView: false, isPaused: true, isLockHeld: false },
    ["/", "/primary", "/leader", "/read-only"],
    ["/standby_leader", "/replica"],
  ],
  "standby leader without view in pause": [
    {
      ...LEADER,
      role: "standby_leader",
      hasView: false,
      isPaused: true,
      isLockHeld: false,
    },
    ["/leader", "/standby_leader", "/read-only"],
    ["/", "/primary"],
  ],
  "replica without view in pause": [
    { ...REPLICA, hasView: false, isPaused: true, isLockHeld: true },
    ["/replica"],
    ["/leader", "/primary"],
  ],
};

for (const [name, [facts, up, down]] of Object.entries(CASES)) {
  Deno.test(`healthCheck() of a ${name}`, () => {
    for (const path of up) assert.equal(check(path, facts), 200, path);
    for (const path of down) assert.equal(check(path, facts), 503, path);
  });
}

Deno.test("healthCheck() limits the lag, the limit included", () => {
  const lags: readonly (readonly [string, number])[] = [
    ["1000", 200],
    ["999", 503],
    ["1kB", 200],
    ["1 kB", 200],
    ["0.5kB", 503],
    ["0x3e8", 200],
    ["01750", 200],
    ["10mb", 200],
    ["1M", 200],
    ["1e400", 200],
    ["-1", 503],
  ];
  for (const [lag, status] of lags) {
    for (const path of ["/replica", "/read-only", "/async"]) {
      assert.equal(check(path, REPLICA, { lag }), status, `${path} ${lag}`);
    }
    assert.equal(check("/health", REPLICA, { lag }), 200);
  }
});

Deno.test("healthCheck() asks replicas for their replication state", () => {
  const states = ["streaming", "in archive recovery", null] as const;
  const replicaPaths = ["/replica", "/read-only", "/async"];
  for (const replicationState of states) {
    const facts = { ...REPLICA, replicationState };
    for (const wanted of ["streaming", "in archive recovery", "other"]) {
      for (const path of replicaPaths) {
        assert.equal(
          check(path, facts, { replication_state: wanted }),
          wanted === replicationState ? 200 : 503,
          `${path} ${wanted} ${replicationState}`,
        );
      }
      assert.equal(check("/health", facts, { replication_state: wanted }), 200);
    }
    assert.equal(check("/replica", facts), 200);
  }
  const query = { replication_state: "streaming" };
  for (const path of ["/primary", "/leader", "/read-only"]) {
    assert.equal(check(path, LEADER, query), 200, path);
  }
});

Deno.test("healthCheck() counts lag from the later of the leader's positions", () => {
  const facts = { ...REPLICA, upstreamLsn: lsn(6000) };
  assert.equal(check("/replica", facts, { lag: "1999" }), 503);
  assert.equal(check("/replica", facts, { lag: "2000" }), 200);
  const unknown = { ...REPLICA, leaderLsn: null };
  assert.equal(check("/replica", unknown, { lag: "0" }), 200);
  const silent = { ...REPLICA, replayedLsn: null };
  assert.equal(check("/replica", silent, { lag: "4999" }), 503);
});

Deno.test("healthCheck() compares tags by their text", () => {
  const tags = { zone: "East", ssd: true, weight: 1.4, rank: 1, none: null };
  const facts = { ...REPLICA, tags };
  assert.equal(check("/replica", facts, { tag_zone: "East" }), 200);
  assert.equal(check("/replica", facts, { tag_zone: "east" }), 503);
  assert.equal(check("/replica", facts, { tag_ssd: "true" }), 200);
  assert.equal(check("/replica", facts, { tag_ssd: "True" }), 503);
  assert.equal(check("/health", facts, { tag_weight: "1.4" }), 200);
  assert.equal(check("/async", facts, { tag_rank: "1", tag_ssd: "1" }), 503);
  assert.equal(check("/replica", facts, { tag_constructor: "x" }), 503);
  const leader = { ...LEADER, tags };
  assert.equal(check("/primary", leader, { tag_zone: "West" }), 200);
  assert.equal(check("/read-only", leader, { tag_zone: "West" }), 503);
  assert.equal(check("/read-only", leader, { tag_zone: "East" }), 200);
});

Deno.test("liveness() allows a primary one TTL and others two", () => {
  const facts: LivenessFacts = {
    now: moment(40_000),
    nextCycleAt: moment(10_000),
    ttlMs: 30_000,
    isPaused: false,
    isRunningPrimary: true,
  };
  assert.equal(liveness(facts), 503);
  assert.equal(liveness({ ...facts, now: moment(39_999) }), 200);
  assert.equal(liveness({ ...facts, isPaused: true }), 200);
  const other = { ...facts, isRunningPrimary: false };
  assert.equal(liveness({ ...other, now: moment(69_999) }), 200);
  assert.equal(liveness({ ...other, now: moment(70_000) }), 503);
});

Deno.test("readiness() wants streaming and little lag", () => {
  const ready = (facts: HealthFacts, query: Record<string, string> = {}) =>
    readiness(facts, new Map(Object.entries(query)), 1000);
  assert.equal(ready(REPLICA), 200);
  assert.equal(readiness(REPLICA, new Map(), 999), 503);
  assert.equal(ready(LEADER), 200);
  assert.equal(ready({ ...LEADER, isLockHeld: false }), 503);
  assert.equal(ready({ ...REPLICA, state: "starting" }), 503);
  assert.equal(ready({ ...REPLICA, isStreaming: false }), 503);
  assert.equal(ready(REPLICA, { lag: "999" }), 503);
  assert.equal(ready(REPLICA, { lag: "nonsense" }), 200);
  assert.equal(ready(REPLICA, { lag: "200", mode: "write" }), 200);
  assert.equal(ready(REPLICA, { lag: "200", mode: "apply" }), 503);
  const blind = { ...REPLICA, hasView: false, leaderLsn: null };
  assert.equal(ready(blind), 503);
  assert.equal(ready({ ...blind, isFailsafeActive: true }), 200);
  assert.equal(ready({ ...blind, upstreamLsn: lsn(4500) }), 200);
});
