/**
 * The race against a second, naive version ("twin"), written from the tables of
 * docs/contract/ha.md 5 as they stand there, and small tables for what surrounds it.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  answer,
  cluster,
  HERE,
  member,
  observation,
  replica,
  unlocked,
} from "../../../../tests/helpers/builders.ts";
import { NOFAILOVER } from "../../../../tests/helpers/rule_table.ts";
import { type Lsn, lsn, revision } from "../../base/units.ts";
import type { ClusterView } from "../../model/cluster_view.ts";
import { NO_TAGS } from "../../model/member.ts";
import type { Observation } from "../../model/observation.ts";
import type { PeerAnswer } from "../../model/peer_view.ts";
import { DEFAULT_SETTINGS } from "../../model/settings.ts";
import {
  compareInRace,
  highestKnownTimeline,
  isInSync,
  isSyncActive,
  publishedPosition,
  racePeers,
  runnerOf,
} from "./candidates.ts";
import { readySuccessors, successors } from "./successors.ts";

const MAXIMUM_LAG = 100;

interface Peer {
  readonly name: string;
  readonly isSilent: boolean;
  readonly isInRecovery: boolean;
  readonly position: number | null;
  readonly timeline: number;
  readonly isNofailover: boolean;
  readonly priority: number;
}

interface Race {
  readonly own: number;
  readonly ownTimeline: number;
  readonly ownPriority: number;
  readonly leaderLsn: number;
  readonly peers: readonly Peer[];
  readonly mode: "off" | "on" | "quorum";
  readonly syncLeader: string | null;
  readonly standbys: readonly string[];
  readonly quorum: number;
  readonly isTimelineChecked: boolean;
  readonly clusterTimeline: number;
  readonly formerLeader: string;
}

/** Lose or win, straight from the rows of 5.3 and 5.4. */
function naiveVerdict(race: Race): string {
  if (race.leaderLsn - race.own > MAXIMUM_LAG) return "lag_exceeds_maximum";
  const { clusterTimeline, isTimelineChecked } = race;
  if (isTimelineChecked && race.ownTimeline < clusterTimeline) {
    return "timeline_behind";
  }
  const isActive = race.mode !== "off" && race.syncLeader !== null;
  const voting = [race.syncLeader, ...race.standbys];
  let votes = voting.includes("n2") ? 0 : -1;
  for (const peer of race.peers) {
    if (peer.isSilent || peer.position === null || peer.isNofailover) continue;
    const isVoter = voting.includes(peer.name);
    const isBehindInTime = isTimelineChecked && peer.isInRecovery &&
      peer.timeline < clusterTimeline;
    const isNoRival = isActive && peer.isInRecovery && !isVoter;
    if (!isBehindInTime && !isNoRival) {
      if (!peer.isInRecovery) return "primary_alive";
      const isOldLeader = isActive && peer.name === race.syncLeader;
      if (peer.position > race.own && !isOldLeader) return "peer_ahead";
      const isFormer = [race.syncLeader, race.formerLeader]
        .includes(peer.name);
      const isStranger = isQuorum(race) && !isVoter;
      if (
        peer.position === race.own && race.ownPriority < peer.priority &&
        !isFormer && !isStranger
      ) return "peer_priority_higher";
    }
    const isAhead = peer.position > race.own ||
      peer.timeline > race.ownTimeline;
    if (isVoter && peer.position > 0 && !isAhead) votes++;
  }
  if (!isQuorum(race)) return "win";
  const hasLed = race.syncLeader === "n2";
  return votes >= race.quorum || hasLed ? "win" : "quorum_missing";
}

/** A key with a quorum keeps its meaning although the mode has changed since. */
function isQuorum(race: Race): boolean {
  return race.mode !== "off" && race.syncLeader !== null &&
    (race.mode === "quorum" || race.quorum > 0);
}

const NAMES = ["n1", "n3", "n4"] as const;
const POSITION = fc.integer({ min: 0, max: 4 }).map((step) => step * 60);

const RACES = fc.record<Race>({
  own: POSITION,
  ownTimeline: fc.integer({ min: 1, max: 2 }),
  ownPriority: fc.integer({ min: 1, max: 2 }),
  leaderLsn: POSITION,
  peers: fc.tuple(...NAMES.map((name) =>
    fc.record<Peer>({
      name: fc.constant(name),
      isSilent: fc.boolean(),
      isInRecovery: fc.integer({ min: 0, max: 5 }).map((n) => n > 0),
      position: fc.option(POSITION, { freq: 8 }),
      timeline: fc.integer({ min: 1, max: 2 }),
      isNofailover: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
      priority: fc.integer({ min: 1, max: 2 }),
    })
  )),
  mode: fc.constantFrom("off", "on", "quorum"),
  syncLeader: fc.constantFrom(null, "n1", "n2", "n3"),
  standbys: fc.subarray(["n2", "n3", "n4"]),
  quorum: fc.integer({ min: 0, max: 2 }),
  isTimelineChecked: fc.boolean(),
  clusterTimeline: fc.integer({ min: 1, max: 2 }),
  formerLeader: fc.constantFrom("n1", "n4"),
});

function observed(race: Race): { o: Observation; view: ClusterView } {
  const view = unlocked({
    status: { leaderLsn: lsn(race.leaderLsn), slots: null, retainSlots: null },
    sync: {
      leader: race.syncLeader,
      quorum: race.quorum,
      standbys: race.standbys,
      revision: revision(1),
    },
    history: race.clusterTimeline === 1 ? [] : [{
      timeline: 1,
      switchpoint: lsn(1),
      reason: "",
      timestamp: null,
      newLeader: null,
    }],
  });
  const o = observation({ view });
  const position = lsn(race.own);
  return {
    view,
    o: {
      ...o,
      postgres: replica({
        timeline: race.ownTimeline,
        receivedLsn: position,
        replayedLsn: position,
      }),
      tags: { ...NO_TAGS, failoverPriority: race.ownPriority },
      settings: {
        ...DEFAULT_SETTINGS,
        synchronousMode: race.mode,
        isTimelineChecked: race.isTimelineChecked,
        maximumLagOnFailoverBytes: MAXIMUM_LAG,
      },
      memory: {
        ...o.memory,
        knownPeers: { leader: race.formerLeader, members: [] },
      },
    },
  };
}

function answerOf(peer: Peer): PeerAnswer {
  const { name, isInRecovery, isNofailover, timeline } = peer;
  if (peer.isSilent) return { kind: "silent", name, detail: "" };
  return answer(name, {
    isInRecovery,
    isNofailover,
    timeline,
    position: peer.position === null ? null : lsn(peer.position),
    failoverPriority: peer.priority,
  });
}

Deno.test("compareInRace() agrees with its naive twin", () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(RACES, (race) => {
      const { o, view } = observed(race);
      const verdict = compareInRace(runnerOf(o), view, {
        answers: race.peers.map(answerOf),
        options: { isLagChecked: true, isRanked: true, ignored: [] },
      });
      const text = verdict.kind === "win" ? "win" : verdict.reason;
      seen.set(text, (seen.get(text) ?? 0) + 1);
      const naive = naiveVerdict(race);
      // Which of several reasons is named first does not matter.
      assert.equal(text === "win", naive === "win", `${text}, ${naive}`);
    }),
    { numRuns: 20_000, seed: 7 },
  );
  for (
    const text of ["win", "peer_ahead", "primary_alive", "timeline_behind"]
  ) {
    assert.ok((seen.get(text) ?? 0) > 100, text);
  }
  assert.ok((seen.get("quorum_missing") ?? 0) > 100);
});

Deno.test("racePeers() asks the members of the last led view and of this one", () => {
  const o = observation();
  const memory = {
    ...o.memory,
    knownPeers: { leader: "n1", members: [member("n1"), member("n9")] },
  };
  const view = unlocked({
    members: [member("n2"), member("n3"), member("n4", { tags: NOFAILOVER })],
  });
  const names = racePeers({ ...o, memory }, view).map((peer) => peer.name);
  assert.deepEqual(names, ["n1", "n9", "n3"]);
});

Deno.test("racePeers() asks only synchronous members while the mode is active", () => {
  const o = observation();
  const settings = { ...o.settings, synchronousMode: "on" } as const;
  const view = unlocked({
    sync: { leader: "n1", quorum: 0, standbys: ["N3"], revision: revision(1) },
    members: [member("n1"), member("n2"), member("n3"), member("n4")],
  });
  const names = racePeers({ ...o, settings }, view).map((peer) => peer.name);
  assert.deepEqual(names, ["n1", "n3"]);
});

const SUCCESSORS: readonly (readonly [
  string,
  Partial<ClusterView>,
  readonly string[],
])[] = [
  ["all others", {}, ["n2", "n3"]],
  ["only the named candidate", {
    failover: {
      leader: "n1",
      candidate: "n3",
      scheduledAt: null,
      revision: revision(1),
    },
  }, ["n3"]],
  ["only synchronous ones", {
    sync: { leader: "n1", quorum: 0, standbys: ["n3"], revision: revision(1) },
  }, ["n3"]],
  ["anybody for a forced failover", {
    failover: {
      leader: null,
      candidate: "n2",
      scheduledAt: null,
      revision: revision(1),
    },
    sync: { leader: "n1", quorum: 0, standbys: ["n3"], revision: revision(1) },
  }, ["n2"]],
  ["nobody without an address", {
    members: [member("n1"), member("n2", { apiUrl: null })],
  }, []],
];

for (const [name, changes, expected] of SUCCESSORS) {
  Deno.test(`successors(): ${name}`, () => {
    const settings = { ...DEFAULT_SETTINGS, synchronousMode: "on" } as const;
    const found = successors({ self: "n1", settings }, cluster(changes));
    assert.deepEqual(found.map((m) => m.name), expected);
  });
}

const READY: readonly (readonly [
  string,
  Partial<Extract<PeerAnswer, { kind: "answered" }>>,
  { readonly requiredLsn: Lsn | null; readonly leaderLsn: Lsn | null },
  boolean,
])[] = [
  ["within the lag", {}, { requiredLsn: null, leaderLsn: HERE }, true],
  ["beyond the lag", { position: lsn(1) }, {
    requiredLsn: null,
    leaderLsn: HERE,
  }, false],
  ["one byte short of what is required", { position: lsn(HERE - 1n) }, {
    requiredLsn: HERE,
    leaderLsn: null,
  }, false],
  [
    "exactly what is required",
    {},
    { requiredLsn: HERE, leaderLsn: null },
    true,
  ],
  ["no replica", { isInRecovery: false }, {
    requiredLsn: null,
    leaderLsn: null,
  }, false],
  ["tagged nofailover", { isNofailover: true }, {
    requiredLsn: null,
    leaderLsn: null,
  }, false],
  ["watchdog failed", { hasWatchdogFailed: true }, {
    requiredLsn: null,
    leaderLsn: null,
  }, false],
  ["no position", { position: null }, {
    requiredLsn: null,
    leaderLsn: null,
  }, false],
];

for (const [name, changes, limits, isReady] of READY) {
  Deno.test(`readySuccessors(): ${name}`, () => {
    const who = { self: "n1", settings: DEFAULT_SETTINGS };
    const answers = [answer("n2", changes)];
    const ready = readySuccessors(who, cluster(), { answers, limits });
    assert.deepEqual(ready, isReady ? ["n2"] : []);
  });
}

Deno.test("isSyncActive() and isInSync() read the key, case does not count", () => {
  const sync = {
    leader: "n1",
    quorum: 0,
    standbys: ["Node-2"],
    revision: revision(1),
  };
  const on = { ...DEFAULT_SETTINGS, synchronousMode: "on" } as const;
  assert.equal(isSyncActive(on, cluster({ sync })), true);
  assert.equal(isSyncActive(DEFAULT_SETTINGS, cluster({ sync })), false);
  assert.equal(isSyncActive(on, cluster()), false);
  assert.equal(
    isSyncActive({ ...on, isStandbyCluster: true }, cluster({ sync })),
    false,
  );
  assert.equal(isInSync(cluster({ sync }), "node-2"), true);
  assert.equal(isInSync(cluster({ sync }), "N1"), true);
  assert.equal(isInSync(cluster({ sync }), "n3"), false);
});

Deno.test("highestKnownTimeline() takes the highest of all that is known", () => {
  const { memory } = observation();
  const view = cluster({ members: [member("n3", { timeline: 4 })] });
  assert.equal(highestKnownTimeline(memory, view), 4);
  assert.equal(
    highestKnownTimeline({ ...memory, leaderTimeline: 6 }, view),
    6,
  );
});

Deno.test("publishedPosition() is the highest position of a member key", () => {
  const positions = { receivedLsn: lsn(7), replayedLsn: lsn(5) };
  assert.equal(
    publishedPosition(member("n1", { xlogLsn: null, ...positions })),
    lsn(7),
  );
});
