/**
 * Rows about rules that meet: manual requests in synchronous mode, a candidate
 * that cannot promote, failsafe mode after a restart, a sync key that a standby
 * cluster inherited. Each was a way to two primaries, to lost commits, or to a
 * scope without a leader; last, timelines that only share their number.
 */
import {
  answer,
  cluster,
  HERE,
  leaderMember,
  leaderObservation,
  member,
  NOW,
  observation,
  outcome,
  primary,
  replica,
  stopped,
  unlocked,
} from "../../../tests/helpers/builders.ts";
import {
  AHEAD,
  asked,
  failover,
  MEMORY,
  NOFAILOVER,
  type Row,
  settings,
  SUSPECTED,
  sync,
  testRows,
} from "../../../tests/helpers/rule_table.ts";
import { lsn, moment, revision } from "../base/units.ts";
import type { ClusterView } from "../model/cluster_view.ts";
import type { Observation } from "../model/observation.ts";
import type { LocalEnd } from "../model/peer_view.ts";

const SYNC_ON = settings({ synchronousMode: "on" });
const QUORUM = settings({ synchronousMode: "quorum" });
const FAILSAFE = settings({ isFailsafeMode: true });

const QUORUM_KEY: Pick<ClusterView, "sync"> = {
  sync: {
    leader: "n1",
    quorum: 1,
    standbys: ["n2", "n4"],
    revision: revision(5),
  },
};

const MAP: Pick<ClusterView, "failsafe"> = {
  failsafe: { n1: "http://a", n2: "http://b", n3: "http://c" },
};

testRows("manual failover in synchronous mode", [
  [
    "a synchronous replica asks the candidate, although it is none",
    observation({
      view: unlocked({ ...sync("n1", "n2"), ...failover(null, "n3") }),
      ...SYNC_ON,
    }),
    ["R311", "ask_peers no_leader"],
  ],
  [
    "and waits for it",
    observation({
      view: unlocked({ ...sync("n1", "n2"), ...failover(null, "n3") }),
      ...SYNC_ON,
      ...asked(answer("n3")),
    }),
    ["R313", "wait candidate_expected"],
  ],
  [
    "but not for one that is silent",
    observation({
      view: unlocked({ ...sync("n1", "n2"), ...failover(null, "n3") }),
      ...SYNC_ON,
      ...asked({ kind: "silent", name: "n3", detail: "" }),
    }),
    ["R340", "acquire_lease healthiest"],
  ],
  [
    "in quorum mode a voter waits for a candidate that is none",
    observation({
      view: unlocked({ ...QUORUM_KEY, ...failover(null, "n3") }),
      ...QUORUM,
      ...asked(answer("n3"), answer("n4")),
    }),
    ["R313", "wait candidate_expected"],
  ],
  [
    "a switchover to such a candidate is not waited for",
    observation({
      view: unlocked({
        ...QUORUM_KEY,
        ...failover("n1", "n3"),
        members: [member("n2"), member("n3"), member("n4")],
      }),
      ...QUORUM,
      ...asked(answer("n3"), answer("n4")),
    }),
    ["R314", "acquire_lease healthiest"],
  ],
]);

testRows("a switchover in quorum mode", [
  [
    "the named candidate leads whatever its priority: the others wait for it",
    observation({
      view: unlocked({
        ...QUORUM_KEY,
        ...failover("n1", "n2"),
        members: [member("n2"), member("n4")],
      }),
      ...QUORUM,
      ...asked(answer("n4", { failoverPriority: 9 })),
    }),
    ["R312", "acquire_lease named_candidate"],
  ],
]);

testRows("a candidate whose pre_promote script fails", [
  [
    "removes the request before it gives the key back",
    leaderObservation({
      view: cluster(failover("n9", "n1")),
      postgres: replica(),
      memory: { ...MEMORY, prePromoteFailedAt: NOW },
    }),
    ["R486", "clear_failover promotion_failed"],
  ],
  [
    "then gives it back",
    leaderObservation({
      postgres: replica(),
      memory: { ...MEMORY, prePromoteFailedAt: NOW },
    }),
    ["R487", "release_lease pre_promote_failed"],
  ],
]);

const JUST_STARTED = consentedAt(NOW - 1_000);
const LONG_UP = consentedAt(NOW - 31_000);
/** Of a leader whose ttl was longer. */
const LONG_PROMISED = consentedAt(NOW - 31_000, 40_000);

const FAILSAFE_ROWS: readonly Row[] = [
  [
    "a consent to a leader with a longer ttl counts that long",
    observation({ view: unlocked(MAP), ...FAILSAFE, ...LONG_PROMISED }),
    ["R308", "ask_peers no_leader"],
  ],
  [
    "a named candidate that the map does not list never leads",
    observation({
      self: "n4",
      view: unlocked({ ...MAP, ...failover(null, "n4") }),
      ...FAILSAFE,
    }),
    ["R307", "wait not_in_failsafe_map"],
  ],
  [
    "a member that just started asks whether a consent of its own is in force",
    observation({ view: unlocked(MAP), ...FAILSAFE, ...JUST_STARTED }),
    ["R308", "ask_peers no_leader"],
  ],
  [
    "and waits for a ttl while one of the map is silent",
    observation({
      view: unlocked(MAP),
      ...FAILSAFE,
      ...JUST_STARTED,
      ...asked(answer("n3"), { kind: "silent", name: "n1", detail: "" }),
    }),
    ["R308", "wait consent_unknown"],
  ],
  [
    "as a named candidate too",
    observation({
      view: unlocked({ ...MAP, ...failover(null, "n2") }),
      ...FAILSAFE,
      ...JUST_STARTED,
      ...asked(answer("n3"), { kind: "silent", name: "n1", detail: "" }),
    }),
    ["R308", "wait consent_unknown"],
  ],
  [
    "it races when all have answered",
    observation({
      view: unlocked(MAP),
      ...FAILSAFE,
      ...JUST_STARTED,
      ...asked(answer("n1"), answer("n3")),
    }),
    ["R340", "acquire_lease healthiest"],
  ],
  [
    "not while one of them is a primary",
    observation({
      view: unlocked({ ...MAP, ...failover(null, "n2") }),
      ...FAILSAFE,
      ...JUST_STARTED,
      ...asked(answer("n1", { isInRecovery: false }), answer("n3")),
    }),
    ["R308", "wait consent_unknown"],
  ],
  [
    "in synchronous mode the others of the map are asked too, but not compared",
    observation({
      view: unlocked({ ...MAP, ...sync("n1", "n2") }),
      ...settings({ isFailsafeMode: true, synchronousMode: "on" }),
      ...JUST_STARTED,
      ...asked(answer("n1"), answer("n3", { position: AHEAD })),
    }),
    ["R340", "acquire_lease healthiest"],
  ],
  [
    "nobody waits for a nofailover member",
    observation({
      view: unlocked({
        ...MAP,
        members: [
          member("n1"),
          member("n2"),
          member("n3", {
            tags: NOFAILOVER,
          }),
        ],
      }),
      ...FAILSAFE,
      ...JUST_STARTED,
      ...asked(answer("n1")),
    }),
    ["R340", "acquire_lease healthiest"],
  ],
  [
    "after a ttl the race is as usual",
    observation({
      view: unlocked(MAP),
      ...FAILSAFE,
      ...LONG_UP,
      ...asked(answer("n3"), { kind: "silent", name: "n1", detail: "" }),
    }),
    ["R340", "acquire_lease healthiest"],
  ],
  [
    "without the mode a start is no reason to wait",
    observation({
      view: unlocked(MAP),
      ...JUST_STARTED,
      ...asked(answer("n3"), { kind: "silent", name: "n1", detail: "" }),
    }),
    ["R340", "acquire_lease healthiest"],
  ],
];
testRows("failsafe mode and the race", FAILSAFE_ROWS);

testRows("a wiped store", [
  [
    "is no reason to create a second cluster",
    observation({
      view: unlocked({ initialize: { kind: "absent" }, members: [] }),
      postgres: { kind: "empty" },
      memory: { ...MEMORY, knownPeers: { leader: "n1", members: [] } },
    }),
    ["R150", "wait bootstrap_not_allowed"],
  ],
]);

testRows("an old primary in pause", [
  [
    "does not take the free key from a newer timeline",
    observation({
      view: unlocked({
        members: [member("n1", { timeline: 3 }), member("n2")],
      }),
      postgres: primary({ timeline: 2 }),
      ...settings({ isPaused: true }),
    }),
    ["R275", "wait timeline_behind"],
  ],
  [
    "one that people promoted does",
    observation({
      view: unlocked({
        members: [member("n1", { timeline: 3 }), member("n2")],
      }),
      postgres: primary({ timeline: 4 }),
      ...settings({ isPaused: true }),
    }),
    ["R280", "acquire_lease already_primary"],
  ],
]);

testRows("a request to copy this member anew", [
  [
    "is refused once it leads",
    leaderObservation({
      request: { kind: "reinitialize", isForcedFromLeader: false },
    }),
    ["R545", "refuse_request leads_by_now"],
  ],
]);

testRows("a standby cluster that was synchronous before", [
  [
    "its leader removes the sync key, which would bar its own promotion",
    leaderObservation({
      self: "n2",
      view: cluster({
        leader: { name: "n2", isHeld: false, revision: revision(10) },
        ...sync("n1", "n3"),
      }),
      postgres: replica({ upstream: { host: "far", port: 5432 } }),
      memory: MEMORY,
      ...settings({
        isStandbyCluster: true,
        standbyCluster: {
          host: "far",
          port: 5432,
          primarySlotName: null,
          createReplicaMethods: ["basebackup"],
          restoreCommand: null,
          archiveCleanupCommand: null,
          recoveryMinApplyDelay: null,
        },
      }),
    }),
    ["R583", "delete_sync synchronous_disabled"],
  ],
]);

testRows("primary_race_backoff", [
  [
    "while WAL still comes in, the race waits",
    observation({
      view: unlocked(),
      ...settings({ primaryRaceBackoffMs: 6_000 }),
      ...asked(answer("n3")),
      memory: { ...MEMORY, walMovedAt: moment(NOW - 2_000) },
    }),
    ["R325", "wait wal_still_advancing"],
  ],
  [
    "but not for ever",
    observation({
      view: unlocked(),
      ...settings({ primaryRaceBackoffMs: 6_000 }),
      ...asked(answer("n3")),
      memory: { ...MEMORY, walMovedAt: moment(NOW - 6_000) },
    }),
    ["R340", "acquire_lease healthiest"],
  ],
  [
    "an operator's request does not wait",
    observation({
      view: unlocked(failover("n1", "n2")),
      ...settings({ primaryRaceBackoffMs: 6_000 }),
      memory: { ...MEMORY, walMovedAt: NOW },
    }),
    ["R310", "acquire_lease named_candidate"],
  ],
  [
    "by default nobody waits",
    observation({
      view: unlocked(),
      ...asked(answer("n3", { position: AHEAD })),
      memory: { ...MEMORY, walMovedAt: NOW },
    }),
    ["R340", "wait peer_ahead"],
  ],
]);

const ON_2 = lsn(HERE - 16n);

function leaderOn2(
  own: Pick<LocalEnd, "kind"> & Partial<LocalEnd>,
): Pick<Observation, "upstream"> {
  return {
    upstream: {
      kind: "answered",
      isInRecovery: false,
      systemId: "1",
      timeline: 2,
      endLsn: HERE,
      history: [{ timeline: 1, switchpoint: ON_2, reason: "" }],
      localEnd: { timeline: 2, endLsn: HERE, history: null, ...own },
    },
  };
}

const LEADER_ON_2 = cluster({
  members: [leaderMember("n1", { timeline: 2 }), member("n2")],
});

testRows("a member whose rewind failed", [
  [
    "starts nevertheless",
    observation({
      postgres: stopped(),
      memory: { ...MEMORY, divergence: "rewind_failed" },
    }),
    ["R710", "start standby instance_down"],
  ],
  [
    "and says what can be done when the server refuses",
    observation({
      postgres: stopped(),
      memory: {
        ...MEMORY,
        divergence: "rewind_failed",
        failuresInRow: 1,
        lastOutcome: outcome({
          kind: "start",
          as: "standby",
          upstream: "n1",
          timeoutMs: 1,
        }, { result: "failed", detail: "postgres exited with code 1" }),
      },
    }),
    ["R700", "wait rewind_failed_no_repair"],
  ],
  [
    "and while it runs",
    observation({
      postgres: replica({ isStreaming: false }),
      view: cluster({ members: [leaderMember("n1"), member("n2")] }),
      memory: {
        ...MEMORY,
        divergence: "rewind_failed",
        rewindFailure: "no such program",
      },
    }),
    ["R700", "wait rewind_failed_no_repair"],
  ],
]);

testRows("timelines of one number", [
  [
    "a crashed primary on the leader's number is copied anew, where allowed",
    observation({
      view: LEADER_ON_2,
      postgres: stopped(),
      memory: SUSPECTED,
      ...leaderOn2({ kind: "primary_crash" }),
      ...settings({
        isRewindAllowed: true,
        isDataRemovedOnRewindFailure: true,
      }),
    }),
    ["R700", "remove_data twin_timeline"],
  ],
  [
    "or stays down: PostgreSQL would not see that it does not fit",
    observation({
      view: LEADER_ON_2,
      postgres: stopped(),
      memory: SUSPECTED,
      ...leaderOn2({ kind: "primary_crash" }),
      ...settings({ isRewindAllowed: true }),
    }),
    ["R700", "wait twin_timeline"],
  ],
  [
    "a running replica with another history is replaced too",
    observation({
      view: LEADER_ON_2,
      postgres: replica({ timeline: 2, isStreaming: false }),
      memory: SUSPECTED,
      ...leaderOn2({
        kind: "replica",
        history: [{ timeline: 1, switchpoint: HERE, reason: "" }],
      }),
      ...settings({ isDataRemovedOnDivergedTimelines: true }),
    }),
    ["R700", "remove_data twin_timeline"],
  ],
  [
    "a snapshot that a clone method just brought starts",
    observation({
      view: LEADER_ON_2,
      postgres: stopped(),
      memory: {
        ...SUSPECTED,
        lastOutcome: outcome({
          kind: "clone",
          source: "n3",
          isBootstrapOwner: false,
        }),
      },
      ...leaderOn2({ kind: "primary_crash" }),
    }),
    ["R710", "start standby instance_down"],
  ],
  [
    "a replica on a higher timeline than the leader's last one does not stream before it asked",
    observation({
      view: cluster({
        members: [leaderMember("n1", { role: "replica" }), member("n2")],
      }),
      postgres: replica({
        timeline: 2,
        isStreaming: false,
        upstream: { host: "127.0.0.1", port: 5433 },
      }),
      memory: SUSPECTED,
    }),
    ["R700", "wait leader_not_running"],
  ],
]);

function consentedAt(
  at: number,
  ttlMs: number | null = null,
): { readonly memory: typeof MEMORY } {
  return { memory: { ...MEMORY, lastConsent: { at: moment(at), ttlMs } } };
}
