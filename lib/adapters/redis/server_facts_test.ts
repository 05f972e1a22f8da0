import assert from "node:assert/strict";
import {
  acksWanted,
  factsOf,
  problemOf,
  type ServerFacts,
} from "./server_facts.ts";

const GOOD: ServerFacts = {
  isMaster: true,
  isCluster: false,
  hasAppendonly: true,
  fsync: "always",
  eviction: "noeviction",
  replicas: 0,
  minReplicas: 0,
  minReplicasMaxLagS: 10,
};

Deno.test("facts are read from what Redis says", () => {
  const info = "# Replication\r\nrole:master\r\nconnected_slaves:2\r\n\r\n" +
    "# Cluster\r\ncluster_enabled:0\r\n";
  const config = [
    ...["appendonly", "yes", "appendfsync", "always"],
    ...["maxmemory-policy", "noeviction", "min-replicas-to-write", "1"],
    ...["min-replicas-max-lag", "5"],
  ];
  assert.deepEqual(factsOf(info, config), {
    ...GOOD,
    ...{ replicas: 2, minReplicas: 1, minReplicasMaxLagS: 5 },
  });
  // Who says nothing is not trusted.
  const nothing = factsOf("", []);
  assert.equal(nothing.isMaster, false);
  assert.match(problemOf(nothing, USAGE) ?? "", /must have appendonly yes/);
});

const USAGE = { isLossAccepted: false, isWatched: false };

Deno.test("a server needs its disk, its memory, and a word about replicas", () => {
  const accepted = { isLossAccepted: true, isWatched: false };
  const safe = { ...GOOD, replicas: 1, minReplicas: 1 };
  const cases:
    readonly (readonly [ServerFacts, typeof USAGE, RegExp | null])[] = [
      [GOOD, USAGE, null],
      [GOOD, accepted, null],
      [{ ...GOOD, fsync: "everysec" }, accepted, /appendfsync is everysec/],
      [{ ...GOOD, hasAppendonly: false }, accepted, /appendonly yes/],
      [{ ...GOOD, eviction: "volatile-ttl" }, accepted, /has volatile-ttl/],
      [{ ...GOOD, eviction: "\x1b[31m" }, accepted, /has unknown/],
      [{ ...GOOD, isCluster: true }, accepted, /Redis Cluster/],
      [{ ...GOOD, replicas: 1 }, USAGE, /set accept_data_loss: true/],
      [{ ...GOOD, minReplicas: 1 }, USAGE, /set accept_data_loss: true/],
      [GOOD, { ...USAGE, isWatched: true }, /set accept_data_loss: true/],
      [{ ...GOOD, replicas: 1 }, accepted, /min-replicas-to-write 1 or more/],
      [GOOD, { ...accepted, isWatched: true }, /min-replicas-to-write 1/],
      [safe, accepted, null],
      [{ ...safe, minReplicasMaxLagS: 0 }, accepted, /min-replicas-to-write/],
      [{ ...safe, minReplicasMaxLagS: 11 }, accepted, /max-lag 10 or less/],
    ];
  for (const [facts, usage, text] of cases) {
    const problem = problemOf(facts, usage);
    if (text === null) assert.equal(problem, null);
    else assert.match(problem ?? "", text);
  }
});

Deno.test("a save waits for a majority, the server included", () => {
  const acks = (replicas: number, minReplicas = 0, isWatched = false) =>
    acksWanted({ ...GOOD, replicas, minReplicas }, isWatched);
  assert.deepEqual([0, 1, 2, 3, 4, 5].map((count) => acks(count)), [
    ...[null, 1, 1, 2, 2, 3],
  ]);
  // One that has lost all of them does not count as single.
  assert.equal(acks(0, 1), 1);
  assert.equal(acks(0, 0, true), 1);
});
