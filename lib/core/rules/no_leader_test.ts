import {
  answer,
  cluster,
  HERE,
  member,
  NOW,
  observation,
  outcome,
  primary,
  replica,
  starting,
  stopped,
  unlocked,
} from "../../../tests/helpers/builders.ts";
import {
  AHEAD,
  asked,
  BEHIND,
  failover,
  MEMORY,
  NOFAILOVER,
  type Row,
  settings,
  sync,
  testRows,
} from "../../../tests/helpers/rule_table.ts";
import { lsn, moment, revision } from "../base/units.ts";
import { FIRST_MEMORY } from "../model/memory.ts";

const QUORUM_KEY = {
  sync: {
    leader: "n1",
    quorum: 1,
    standbys: ["n2", "n3"],
    revision: revision(5),
  },
};

const SWITCH = {
  timeline: 1,
  switchpoint: HERE,
  reason: "promoted",
  timestamp: null,
  newLeader: "n1",
};

const NO_LEADER: readonly Row[] = [
  [
    "a new copy is refused",
    observation({
      view: unlocked(),
      request: { kind: "reinitialize", isForcedFromLeader: false },
    }),
    ["R105", "refuse_request no_leader"],
  ],
  [
    "half-made data is thrown away",
    observation({
      view: unlocked(),
      postgres: { kind: "unusable", problem: "half_made", detail: "" },
    }),
    ["R110", "remove_data half_made_clone"],
  ],
  [
    "half-rewound data stays: there may be no other",
    observation({
      view: unlocked(),
      postgres: { kind: "unusable", problem: "half_rewound", detail: "" },
    }),
    ["R120", "wait data_directory_unusable"],
  ],
  [
    "what may have been restored stays beside an old marker",
    observation({
      view: unlocked(),
      postgres: { kind: "unusable", problem: "doubtful", detail: "" },
    }),
    ["R120", "wait data_directory_unusable"],
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
    "somebody else's files are left alone",
    observation({
      view: unlocked(),
      postgres: { kind: "unusable", problem: "invalid_system_id", detail: "" },
    }),
    ["R120", "wait system_id_invalid"],
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
    "a restore needs no leader",
    observation({
      view: unlocked(),
      postgres: { kind: "empty" },
      ...settings({ hasLeaderlessClone: true }),
    }),
    ["R145", "clone data_directory_empty"],
  ],
  [
    "but waits while another one initializes",
    observation({
      view: unlocked({ initialize: { kind: "bootstrapping" } }),
      postgres: { kind: "empty" },
      ...settings({ hasLeaderlessClone: true }),
    }),
    ["R150", "wait bootstrap_elsewhere"],
  ],
  [
    "and in pause",
    observation({
      view: unlocked(),
      postgres: { kind: "empty" },
      ...settings({ hasLeaderlessClone: true, isPaused: true }),
    }),
    ["R150", "wait leader_not_bootstrapped"],
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
      lease: { kind: "outbid" },
    }),
    ["R205", "demote immediate_nolock lease_lost"],
  ],
  [
    "after a lost bid the replica waits for the winner",
    observation({
      view: unlocked(),
      lease: { kind: "outbid" },
    }),
    ["R210", "wait bid_lost"],
  ],
  [
    "who gave the key away leaves it to others, also while the view still shows it",
    observation({
      self: "n1",
      view: cluster(),
      lease: { kind: "released" },
    }),
    ["R215", "wait lease_released"],
  ],
  [
    "a primary that gave the key away stops",
    observation({
      view: unlocked(),
      postgres: primary(),
      lease: { kind: "released" },
    }),
    ["R215", "demote immediate_nolock lease_released"],
  ],
  [
    "a refused renewal calls for a race, also while the view still shows the key",
    observation({ self: "n1", view: cluster(), lease: { kind: "lost" } }),
    ["R330", "ask_peers no_leader"],
  ],
  [
    "in pause a stopped instance stays down",
    observation({
      view: unlocked(),
      postgres: stopped(),
      ...settings({ isPaused: true }),
    }),
    ["R220", "wait not_running_in_pause"],
  ],
  [
    "a primary that is still starting has lost its right to",
    observation({ view: unlocked(), postgres: starting() }),
    ["R225", "demote immediate_nolock lease_lost"],
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
    "a member whose script forbade a promotion does not race",
    observation({
      view: unlocked(),
      memory: { ...MEMORY, prePromoteFailedAt: NOW },
    }),
    ["R285", "wait pre_promote_failed"],
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
    "a member without its required watchdog does not race",
    observation({
      view: unlocked(),
      memory: { ...MEMORY, hasWatchdogFailed: true },
    }),
    ["R305", "wait watchdog_failed"],
  ],
  [
    "the named candidate does not compare",
    observation({ view: unlocked(failover("n1", "n2")) }),
    ["R310", "acquire_lease named_candidate"],
  ],
  [
    // Simulator, seed 116: the old leader had gone on after the request.
    "in quorum mode the named candidate of a switchover asks for votes",
    observation({
      view: unlocked({ ...failover("n1", "n2"), ...QUORUM_KEY }),
      ...settings({ synchronousMode: "quorum" }),
    }),
    ["R311", "ask_peers no_leader"],
  ],
  [
    "in quorum mode the named candidate does not lead without the votes",
    observation({
      view: unlocked({ ...failover("n1", "n2"), ...QUORUM_KEY }),
      ...settings({ synchronousMode: "quorum" }),
      ...asked({ kind: "silent", name: "n3", detail: "" }),
    }),
    ["R312", "wait quorum_missing"],
  ],
  [
    // Simulator, seeds 11235 and 14104.
    "in quorum mode the vote of the member that stepped down counts",
    observation({
      view: unlocked({ ...failover("n1", "n2"), ...QUORUM_KEY }),
      ...settings({ synchronousMode: "quorum" }),
      ...asked(answer("n1")),
    }),
    ["R312", "acquire_lease named_candidate"],
  ],
  [
    // Simulator, seed 1166.
    "in quorum mode a member that is ahead gives no vote, not even the old leader",
    observation({
      view: unlocked({ ...QUORUM_KEY }),
      ...settings({ synchronousMode: "quorum" }),
      ...asked(answer("n1", { position: AHEAD })),
    }),
    ["R340", "wait quorum_missing"],
  ],
  [
    // Simulator, seed 93.
    "in quorum mode a member on a later timeline gives no vote",
    observation({
      view: unlocked({ ...QUORUM_KEY }),
      ...settings({ synchronousMode: "quorum" }),
      ...asked(answer("n3", { timeline: 2, position: BEHIND })),
    }),
    ["R340", "wait quorum_missing"],
  ],
  [
    "others wait for a candidate that is well",
    observation({
      view: unlocked(failover("n1", "n3")),
      ...asked(answer("n3")),
    }),
    ["R313", "wait candidate_expected"],
  ],
  [
    "a candidate that is gone is forgotten",
    observation({
      view: unlocked(failover("n1", "n3")),
      ...asked({ kind: "silent", name: "n3", detail: "" }),
    }),
    ["R314", "acquire_lease healthiest"],
  ],
  [
    "the member that stepped down takes the key back when nobody can lead",
    observation({
      view: unlocked(failover("n2", null)),
      ...asked({ kind: "silent", name: "n3", detail: "" }),
    }),
    ["R317", "acquire_lease took_back"],
  ],
  [
    "in quorum mode it does not wait for members that lack what it has",
    observation({
      view: unlocked({
        ...failover("n2", "n3"),
        sync: { ...QUORUM_KEY.sync, quorum: 0, standbys: ["n2"] },
      }),
      ...settings({ synchronousMode: "quorum" }),
      ...asked(
        answer("n1", { position: BEHIND }),
        answer("n3", { position: BEHIND }),
      ),
    }),
    ["R316", "acquire_lease healthiest"],
  ],
  [
    "a member that the failsafe map does not list never leads",
    observation({
      view: unlocked({ failsafe: { n1: "http://n1" } }),
      ...settings({ isFailsafeMode: true }),
    }),
    ["R307", "wait not_in_failsafe_map"],
  ],
  [
    "an old failsafe map means nothing once the mode is off",
    observation({ view: unlocked({ failsafe: { n1: "http://n1" } }) }),
    ["R330", "ask_peers no_leader"],
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
    // Simulator, seeds 1884 and 5463.
    "with check_timeline nobody waits for a replica on an old timeline",
    observation({
      view: unlocked({ history: [SWITCH] }),
      postgres: replica({ timeline: 2 }),
      ...settings({ isTimelineChecked: true }),
      ...asked(answer("n3", { position: AHEAD, timeline: 1 })),
    }),
    ["R340", "acquire_lease healthiest"],
  ],
  [
    // Simulator, real mode, seeds 123 and 4049.
    "in failsafe mode nobody waits for a replica that the map does not list",
    observation({
      view: unlocked({ failsafe: { n2: "http://127.0.0.1:7432/patroni" } }),
      ...settings({ isFailsafeMode: true }),
      ...asked(answer("n3", { position: AHEAD })),
    }),
    ["R340", "acquire_lease healthiest"],
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

testRows("NO_LEADER", NO_LEADER);
