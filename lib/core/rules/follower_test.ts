import {
  cluster,
  HERE,
  leaderMember,
  member,
  observation,
  primary,
  replica,
  starting,
  stopped,
} from "../../../tests/helpers/builders.ts";
import {
  AHEAD,
  history,
  type Row,
  settings,
  SUSPECTED,
  testRows,
} from "../../../tests/helpers/rule_table.ts";

const NEW_LEADER = cluster({
  members: [leaderMember("n1", { timeline: 2 }), member("n2")],
});
const REWIND = settings({ isRewindAllowed: true });

const FOLLOWER: readonly Row[] = [
  [
    "an instance that is starting as primary is stopped before it is one",
    observation({ postgres: starting() }),
    ["R610", "demote immediate_nolock not_leader"],
  ],
  [
    "an instance that is starting as replica is given its time",
    observation({ postgres: starting({ isStandby: true }) }),
    ["R670", "wait starting_up"],
  ],
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

testRows("FOLLOWER", FOLLOWER);
