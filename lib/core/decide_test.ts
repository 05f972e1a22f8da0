import assert from "node:assert/strict";
import {
  answer,
  cluster,
  control,
  HERE,
  leaderMember,
  leaderObservation,
  member,
  NOW,
  observation,
  outcome,
  primary,
  replica,
  sender,
  stopped,
  unlocked,
} from "../../tests/helpers/builders.ts";
import { lsn, moment, revision } from "./base/units.ts";
import { decide, SECTIONS } from "./decide.ts";
import { NO_TAGS } from "./model/member.ts";
import { FIRST_MEMORY } from "./model/memory.ts";
import type { Observation } from "./model/observation.ts";
import type { PeerAnswer, UpstreamView } from "./model/peer_view.ts";
import { DEFAULT_SETTINGS } from "./model/settings.ts";
import type { LongTask } from "./model/task_view.ts";

/** A row of the table: what is seen, the rule that must answer, and the gist of its decision. */
type Row = readonly [
  name: string,
  o: Observation,
  expected: readonly [rule: string, gist: string],
];

const BEHIND = lsn(HERE - 16n);
const AHEAD = lsn(HERE + 16n);
const MEMORY = {
  ...FIRST_MEMORY,
  role: "replica",
  divergence: "unsuspected",
} as const;
const PROMOTE: LongTask = { kind: "promote" };
const NOFAILOVER = { ...NO_TAGS, isNofailover: true };

function asked(...answers: PeerAnswer[]): Pick<Observation, "peers"> {
  return { peers: { kind: "asked", answers } };
}

function running(task: LongTask): Pick<Observation, "task"> {
  return { task: { kind: "running", task, startedAt: NOW } };
}

function settings(
  changes: Partial<typeof DEFAULT_SETTINGS>,
): Pick<Observation, "settings"> {
  return { settings: { ...DEFAULT_SETTINGS, ...changes } };
}

function sync(leader: string, ...standbys: string[]) {
  return { sync: { leader, quorum: 0, standbys, revision: revision(5) } };
}

function failover(leader: string | null, candidate: string | null) {
  const rest = { scheduledAt: null, revision: revision(6) };
  return { failover: { leader, candidate, ...rest } };
}

function history(timeline: number, endLsn = HERE): UpstreamView {
  return {
    kind: "answered",
    isInRecovery: false,
    systemId: "1",
    timeline: 2,
    history: [{ timeline: 1, switchpoint: HERE, reason: "promoted" }],
    localEnd: { timeline, endLsn, kind: "replica" },
  };
}

const SUSPECTED = { ...MEMORY, divergence: "suspected" } as const;
const SHORT_LEASE = {
  lease: { deadline: moment(NOW + 3_000), isFresh: true, bid: "none" },
} as const;

const EARLY: readonly Row[] = [
  [
    "a foreign data directory ends the agent",
    observation({ postgres: stopped({ control: control({ systemId: "1" }) }) }),
    ["R010", "exit system_id_mismatch"],
  ],
  [
    "a primary whose lease runs out is demoted, whatever the store says",
    leaderObservation({ ...SHORT_LEASE, view: null }),
    ["R020", "demote offline lease_running_out"],
  ],
  [
    "a promotion under way is stopped when the lease runs out",
    observation({ ...SHORT_LEASE, ...running(PROMOTE) }),
    ["R020", "demote offline lease_running_out"],
  ],
  [
    "a promotion whose lease was lost is cancelled",
    observation(running(PROMOTE)),
    ["R030", "cancel_task lease_lost"],
  ],
  [
    "a start as primary without the key is cancelled",
    observation(
      running({
        kind: "start",
        as: "primary",
        upstream: null,
        timeoutMs: 1,
      }),
    ),
    ["R040", "cancel_task lease_lost"],
  ],
  [
    "long work of a leader renews the lease",
    leaderObservation({
      ...running({ kind: "restart", timeoutMs: 1 }),
      lease: { deadline: moment(NOW + 20_000), isFresh: false, bid: "none" },
    }),
    ["R050", "renew_lease cycle"],
  ],
  [
    "work in progress is left alone",
    observation(running({ kind: "clone", source: "n1" })),
    ["R060", "wait task_in_progress"],
  ],
  [
    "a failed bootstrap ends the agent",
    observation({
      memory: {
        ...MEMORY,
        lastOutcome: outcome({ kind: "bootstrap" }, { result: "failed" }),
      },
    }),
    ["R070", "exit bootstrap_failed"],
  ],
];

const NO_LEADER: readonly Row[] = [
  [
    "half-made data is thrown away",
    observation({
      view: unlocked(),
      postgres: { kind: "unusable", problem: "half_made", detail: "" },
    }),
    ["R110", "remove_data half_made_clone"],
  ],
  [
    "unreadable data is left alone",
    observation({
      view: unlocked(),
      postgres: { kind: "unusable", problem: "not_accessible", detail: "" },
    }),
    ["R120", "wait data_directory_unusable"],
  ],
  [
    "the winner of the initialize race bootstraps",
    observation({
      view: unlocked({ initialize: { kind: "bootstrapping" } }),
      postgres: { kind: "empty" },
      memory: { ...MEMORY, isBootstrapOwner: true },
    }),
    ["R130", "bootstrap no_cluster_yet"],
  ],
  [
    "an empty member of an empty scope tries to initialize it",
    observation({
      view: unlocked({ initialize: { kind: "absent" } }),
      postgres: { kind: "empty" },
    }),
    ["R140", "race_initialize no_cluster_yet"],
  ],
  [
    "a nofailover member never initializes",
    observation({
      view: unlocked({ initialize: { kind: "absent" } }),
      postgres: { kind: "empty" },
      tags: NOFAILOVER,
    }),
    ["R150", "wait bootstrap_not_allowed"],
  ],
  [
    "an empty member waits while another one initializes",
    observation({
      view: unlocked({ initialize: { kind: "bootstrapping" } }),
      postgres: { kind: "empty" },
    }),
    ["R150", "wait bootstrap_elsewhere"],
  ],
  [
    "a replica of a scope that never was is left running",
    observation({
      view: unlocked({ initialize: { kind: "absent" } }),
      memory: FIRST_MEMORY,
    }),
    ["R160", "exit replica_without_cluster"],
  ],
  [
    "a primary's lineage is published",
    observation({
      view: unlocked({ initialize: { kind: "absent" } }),
      postgres: primary(),
    }),
    ["R170", "write_initialize initialize_invalid"],
  ],
  [
    "a primary that could not get the key stops",
    observation({
      view: unlocked(),
      postgres: primary(),
      lease: { deadline: null, isFresh: false, bid: "lost" },
    }),
    ["R205", "demote immediate_nolock lease_lost"],
  ],
  [
    "after a lost bid the replica waits for the winner",
    observation({
      view: unlocked(),
      lease: { deadline: null, isFresh: false, bid: "lost" },
    }),
    ["R210", "wait bid_lost"],
  ],
  [
    "in pause a stopped instance stays down",
    observation({
      view: unlocked(),
      postgres: stopped(),
      ...settings({ isPaused: true }),
    }),
    ["R220", "wait paused"],
  ],
  [
    "the instance stays down until its successor is known",
    observation({
      view: unlocked(),
      postgres: stopped(),
      memory: { ...MEMORY, demotedAt: moment(NOW - 1_000) },
    }),
    ["R250", "wait new_leader_expected"],
  ],
  [
    "a stopped instance starts in recovery to take part",
    observation({ view: unlocked(), postgres: stopped() }),
    ["R260", "start standby instance_down"],
  ],
  [
    "a start that failed is not repeated at once",
    observation({
      view: unlocked(),
      postgres: stopped(),
      memory: {
        ...MEMORY,
        failuresInRow: 2,
        lastOutcome: outcome({
          kind: "start",
          as: "standby",
          upstream: null,
          timeoutMs: 1,
        }, { result: "failed" }),
      },
    }),
    ["R260", "wait back_off"],
  ],
  [
    "a primary on an old timeline steps back",
    observation({
      view: unlocked({ members: [member("n3", { timeline: 2 })] }),
      postgres: primary(),
    }),
    ["R270", "demote immediate_nolock not_healthiest"],
  ],
  [
    "a primary that is not in the sync key steps back",
    observation({
      view: unlocked(sync("n1", "n3")),
      postgres: primary(),
      ...settings({ synchronousMode: "on" }),
    }),
    ["R270", "demote immediate_nolock not_healthiest"],
  ],
  [
    "a running primary takes the free key",
    observation({ view: unlocked(), postgres: primary() }),
    ["R280", "acquire_lease already_primary"],
  ],
  [
    "in pause replicas do not race",
    observation({ view: unlocked(), ...settings({ isPaused: true }) }),
    ["R290", "wait paused"],
  ],
  [
    "a nofailover member does not race",
    observation({ view: unlocked(), tags: NOFAILOVER }),
    ["R300", "wait nofailover"],
  ],
  [
    "the named candidate does not compare",
    observation({ view: unlocked(failover("n1", "n2")) }),
    ["R310", "acquire_lease named_candidate"],
  ],
  [
    "others wait for a candidate that is well",
    observation({
      view: unlocked(failover("n1", "n3")),
      ...asked(answer("n3")),
    }),
    ["R310", "wait candidate_expected"],
  ],
  [
    "a candidate that is gone is forgotten",
    observation({
      view: unlocked(failover("n1", "n3")),
      ...asked({ kind: "silent", name: "n3", detail: "" }),
    }),
    ["R310", "acquire_lease healthiest"],
  ],
  [
    "the member that stepped down takes the key back when nobody can lead",
    observation({
      view: unlocked(failover("n2", null)),
      ...asked({ kind: "silent", name: "n3", detail: "" }),
    }),
    ["R310", "acquire_lease took_back"],
  ],
  [
    "without every commit there is no leading in synchronous mode",
    observation({
      view: unlocked(sync("n1", "n3")),
      ...settings({ synchronousMode: "on" }),
    }),
    ["R320", "wait not_synchronous"],
  ],
  [
    "peers are asked before anybody bids",
    observation({ view: unlocked() }),
    ["R330", "ask_peers no_leader"],
  ],
  [
    "the healthiest bids",
    observation({
      view: unlocked(),
      ...asked(answer("n3", { position: BEHIND })),
    }),
    ["R340", "acquire_lease healthiest"],
  ],
  [
    "a replica that is behind waits",
    observation({
      view: unlocked(),
      ...asked(answer("n3", { position: AHEAD })),
    }),
    ["R340", "wait peer_ahead"],
  ],
  [
    "a living primary stops the race",
    observation({
      view: unlocked(),
      ...asked(answer("n1", { isInRecovery: false })),
    }),
    ["R340", "wait primary_alive"],
  ],
  [
    "a replica beyond the maximum lag stays out",
    observation({
      view: unlocked({
        status: {
          leaderLsn: lsn(HERE + 2_000_000n),
          slots: null,
          retainSlots: null,
        },
      }),
      ...asked(),
    }),
    ["R340", "wait lag_exceeds_maximum"],
  ],
  [
    "a higher priority wins at equal position",
    observation({
      view: unlocked(),
      ...asked(answer("n3", { failoverPriority: 2 })),
    }),
    ["R340", "wait peer_priority_higher"],
  ],
];

const DUE = {
  lease: { deadline: moment(NOW + 20_000), isFresh: false, bid: "none" },
} as const;
const SWITCHOVER = { view: cluster(failover("n1", null)) };

const LEADER: readonly Row[] = [
  [
    "the lease is renewed first",
    leaderObservation({ ...DUE, postgres: stopped() }),
    ["R410", "renew_lease cycle"],
  ],
  [
    "a leader without data gives the key away",
    leaderObservation({ postgres: { kind: "empty" } }),
    ["R420", "release_lease data_directory_empty"],
  ],
  [
    "a leader that failed to start gives the key away",
    leaderObservation({
      postgres: stopped(),
      memory: { ...MEMORY, isRecovering: true },
    }),
    ["R430", "release_lease start_failed"],
  ],
  [
    "with start timeout 0 a crash asks who can take over",
    leaderObservation({
      postgres: stopped(),
      ...settings({ primaryStartTimeoutMs: 0 }),
    }),
    ["R440", "ask_peers switchover"],
  ],
  [
    "with start timeout 0 and a successor the crashed leader steps down",
    leaderObservation({
      postgres: stopped(),
      ...settings({ primaryStartTimeoutMs: 0 }),
      ...asked(answer("n2")),
    }),
    ["R440", "demote immediate crash_failover"],
  ],
  [
    "a crashed primary is started as primary",
    leaderObservation({ postgres: stopped() }),
    ["R450", "start primary crashed_primary"],
  ],
  [
    "a stopped replica with the key starts read-only",
    leaderObservation({ postgres: stopped({ isStandby: true }) }),
    ["R460", "start standby leader_starts_read_only"],
  ],
  [
    "a promotion needs enough of the lease",
    leaderObservation({ ...SHORT_LEASE, postgres: replica() }),
    ["R490", "wait lease_too_short"],
  ],
  [
    "before a promotion the sync key is taken over",
    leaderObservation({
      postgres: replica(),
      view: cluster(sync("n9", "n1")),
      ...settings({ synchronousMode: "on" }),
    }),
    ["R493", "write_sync synchronous_enabled"],
  ],
  [
    "the holder of the lease is promoted",
    leaderObservation({ postgres: replica() }),
    ["R496", "promote lease_acquired"],
  ],
  [
    "a request for another leader is removed",
    leaderObservation({ view: cluster(failover("n3", null)) }),
    ["R510", "clear_failover leader_mismatch"],
  ],
  [
    "a fulfilled request is removed",
    leaderObservation({ view: cluster(failover(null, "n1")) }),
    ["R510", "clear_failover already_leader"],
  ],
  [
    "a switchover asks who can take over",
    leaderObservation(SWITCHOVER),
    ["R530", "ask_peers switchover"],
  ],
  [
    "a switchover with a successor begins",
    leaderObservation({ ...SWITCHOVER, ...asked(answer("n2")) }),
    ["R540", "demote graceful switchover_requested"],
  ],
  [
    "a switchover without a successor is refused",
    leaderObservation({ ...SWITCHOVER, ...asked() }),
    ["R540", "clear_failover no_candidate"],
  ],
  [
    "a successor that lags too much does not count",
    leaderObservation({
      ...SWITCHOVER,
      ...asked(answer("n2", { position: lsn(1n) })),
    }),
    ["R540", "clear_failover no_candidate"],
  ],
  [
    "a restart is begun",
    leaderObservation({ request: { kind: "restart", timeoutMs: null } }),
    ["R550", "restart restart_requested"],
  ],
  [
    "a missing configuration is written",
    leaderObservation({ view: cluster({ config: null }) }),
    ["R570", "write_config config_missing"],
  ],
  [
    "synchronous mode begins with an empty list",
    leaderObservation(settings({ synchronousMode: "on" })),
    ["R580", "write_sync synchronous_enabled"],
  ],
  [
    "PostgreSQL learns of a synchronous replica before the key does",
    leaderObservation({
      ...settings({ synchronousMode: "on" }),
      view: cluster(sync("n1")),
      postgres: primary({ walSenders: [sender("n2")] }),
    }),
    ["R580", "set_synchronous_standbys synchronous_standbys_changed"],
  ],
  [
    "all is well",
    leaderObservation(),
    ["R590", "wait leading"],
  ],
];

const NEW_LEADER = cluster({
  members: [leaderMember("n1", { timeline: 2 }), member("n2")],
});
const REWIND = settings({ isRewindAllowed: true });

const FOLLOWER: readonly Row[] = [
  [
    "a second primary is stopped at once",
    observation({ postgres: primary() }),
    ["R610", "demote immediate_nolock not_leader"],
  ],
  [
    "in pause a stopped replica stays down",
    observation({ postgres: stopped(), ...settings({ isPaused: true }) }),
    ["R620", "wait paused"],
  ],
  [
    "a reinitialize is begun",
    observation({
      request: { kind: "reinitialize", isForcedFromLeader: false },
    }),
    ["R650", "reinitialize reinitialize_requested"],
  ],
  [
    "an empty member clones the leader",
    observation({ postgres: { kind: "empty" } }),
    ["R660", "clone data_directory_empty"],
  ],
  [
    "streaming on the leader's timeline ends the suspicion",
    observation({ memory: SUSPECTED }),
    ["R690", "trust_timeline not_diverged"],
  ],
  [
    "a suspected member asks for the leader's history",
    observation({ view: NEW_LEADER, postgres: stopped(), memory: SUSPECTED }),
    ["R700", "ask_upstream divergence_suspected"],
  ],
  [
    "WAL beyond the switchpoint is rewound",
    observation({
      view: NEW_LEADER,
      postgres: stopped(),
      memory: SUSPECTED,
      upstream: history(1, AHEAD),
      ...REWIND,
    }),
    ["R700", "rewind diverged"],
  ],
  [
    "a rewind waits for the new leader's checkpoint",
    observation({
      view: cluster({
        members: [
          leaderMember("n1", {
            timeline: 2,
            isCheckpointAfterPromotePending: true,
          }),
        ],
      }),
      postgres: stopped(),
      memory: SUSPECTED,
      upstream: history(1, AHEAD),
      ...REWIND,
    }),
    ["R700", "wait leader_checkpoint_pending"],
  ],
  [
    "WAL up to the switchpoint is trusted",
    observation({
      view: NEW_LEADER,
      postgres: stopped(),
      memory: SUSPECTED,
      upstream: history(1, HERE),
    }),
    ["R700", "trust_timeline not_diverged"],
  ],
  [
    "diverged data goes when that is allowed and rewind is not",
    observation({
      view: NEW_LEADER,
      postgres: stopped(),
      memory: SUSPECTED,
      upstream: history(1, AHEAD),
      ...settings({ isDataRemovedOnDivergedTimelines: true }),
    }),
    ["R700", "remove_data diverged"],
  ],
  [
    "a stopped replica starts",
    observation({ postgres: stopped({ isStandby: true }) }),
    ["R710", "start standby instance_down"],
  ],
  [
    "a replica turns to the new leader",
    observation({ postgres: replica({ upstream: null }) }),
    ["R730", "follow upstream_changed"],
  ],
  [
    "all is well",
    observation(),
    ["R740", "wait following"],
  ],
];

const DCS_LOSS: readonly Row[] = [
  [
    "in pause nothing happens",
    leaderObservation({ view: null, ...settings({ isPaused: true }) }),
    ["R810", "wait dcs_unreachable"],
  ],
  [
    "a primary that never had a lease stops",
    leaderObservation({
      view: null,
      lease: { deadline: null, isFresh: false, bid: "none" },
    }),
    ["R820", "demote offline dcs_unreachable"],
  ],
  [
    "a primary goes on while its lease lasts",
    leaderObservation({ view: null, ...DUE }),
    ["R830", "wait lease_still_covers"],
  ],
  [
    "a demoted instance comes back read-only",
    observation({
      view: null,
      postgres: stopped(),
      memory: { ...MEMORY, role: "demoted" },
    }),
    ["R840", "start standby instance_down"],
  ],
  [
    "a replica goes on",
    observation({ view: null }),
    ["R850", "wait dcs_unreachable"],
  ],
];

function gist(o: Observation): readonly [string, string] {
  const { rule, decision } = decide(o);
  if (decision.kind !== "start_task") {
    return [rule, `${decision.kind} ${decision.reason}`];
  }
  const { task } = decision;
  const detail = task.kind === "demote"
    ? ` ${task.how}`
    : task.kind === "start"
    ? ` ${task.as}`
    : "";
  return [rule, `${task.kind}${detail} ${decision.reason}`];
}

for (
  const [section, rows] of Object.entries({
    EARLY,
    NO_LEADER,
    LEADER,
    FOLLOWER,
    DCS_LOSS,
  })
) {
  for (const [name, o, expected] of rows) {
    Deno.test(`decide() ${section}: ${name}`, () => {
      assert.deepEqual(gist(o), expected);
    });
  }
}

Deno.test("each rule has an id of its own, a sentence, and rises inside its section", () => {
  const ids = SECTIONS.flatMap((s) => s.rules.map((rule) => rule.id));
  assert.equal(new Set(ids).size, ids.length);
  for (const section of SECTIONS) {
    const numbers = section.rules.map((rule) => Number(rule.id.slice(1)));
    assert.deepEqual(numbers, numbers.toSorted((a, b) => a - b));
    for (const rule of section.rules) assert.match(rule.why, /^[A-Z].+\.$/);
  }
});
