import assert from "node:assert/strict";
import {
  cluster,
  HERE,
  leaderMember,
  member,
  NOW,
  observation,
  outcome,
  primary,
  replica,
  starting,
  stopped,
} from "../../../tests/helpers/builders.ts";
import { decide } from "../decide.ts";
import { moment } from "../base/units.ts";
import { NO_TAGS } from "../model/member.ts";
import type { Observation } from "../model/observation.ts";
import {
  AHEAD,
  failover,
  history,
  MEMORY,
  type Row,
  settings,
  SUSPECTED,
  testRows,
} from "../../../tests/helpers/rule_table.ts";

const RAISED = { oldValue: "30", newValue: "40" };

const FOREIGN = {
  kind: "unusable",
  problem: "invalid_system_id",
  detail: "",
} as const;

const HALF_REWOUND = {
  kind: "unusable",
  problem: "half_rewound",
  detail: "",
} as const;
const DOUBTFUL = {
  kind: "unusable",
  problem: "doubtful",
  detail: "",
} as const;

const NEW_LEADER = cluster({
  members: [leaderMember("n1", { timeline: 2 }), member("n2")],
});
const REWIND = settings({ isRewindAllowed: true });

const EMPTY = { postgres: { kind: "empty" } } as const;
const OFFERS = { ...NO_TAGS, isClonefrom: true };
const BUSY_LEADER = leaderMember("n1", { state: "starting" });
const CLONED = {
  kind: "clone",
  source: "n3",
  isBootstrapOwner: false,
} as const;

const CLONES: readonly Row[] = [
  [
    "an empty member waits for a leader that is not up",
    observation({ ...EMPTY, view: cluster({ members: [BUSY_LEADER] }) }),
    ["R660", "wait leader_not_running"],
  ],
  [
    "but not if another member offers itself",
    observation({
      ...EMPTY,
      view: cluster({
        members: [BUSY_LEADER, member("n3", { tags: OFFERS })],
      }),
    }),
    ["R660", "clone data_directory_empty"],
  ],
  [
    "a failed clone is repeated after a pause",
    observation({
      ...EMPTY,
      memory: {
        ...MEMORY,
        failuresInRow: 1,
        lastOutcome: outcome(CLONED, { result: "failed" }),
      },
    }),
    ["R660", "wait back_off"],
  ],
];

const BEHIND_N3 = { ...NO_TAGS, replicatefrom: "n3" };

const UPSTREAMS: readonly Row[] = [
  [
    "a cascading member turns to its source",
    observation({ tags: BEHIND_N3 }),
    ["R730", "follow upstream_changed"],
  ],
  [
    "and stays there",
    observation({
      tags: BEHIND_N3,
      postgres: replica({ upstream: { host: "127.0.0.1", port: 5433 } }),
    }),
    ["R740", "wait following"],
  ],
  [
    "a source that is gone is replaced by the leader",
    observation({
      tags: BEHIND_N3,
      view: cluster({ members: [leaderMember("n1"), member("n2")] }),
    }),
    ["R740", "wait following"],
  ],
  [
    "two sources of each other follow the leader",
    observation({
      tags: BEHIND_N3,
      view: cluster({
        members: [
          leaderMember("n1"),
          member("n2", { tags: BEHIND_N3 }),
          member("n3", { tags: { ...NO_TAGS, replicatefrom: "n2" } }),
        ],
      }),
    }),
    ["R740", "wait following"],
  ],
  [
    "a replay that waits for a raised setting gets its restart",
    observation({
      postgres: replica({
        isReplayPaused: true,
        pendingRestart: { max_connections: RAISED },
      }),
    }),
    ["R725", "restart replay_blocked"],
  ],
  [
    "a replay that people paused is left alone",
    observation({
      postgres: replica({
        isReplayPaused: true,
        pendingRestart: { shared_buffers: RAISED },
      }),
    }),
    ["R740", "wait following"],
  ],
  [
    "a lowered setting blocks nothing",
    observation({
      postgres: replica({
        isReplayPaused: true,
        pendingRestart: {
          max_connections: { oldValue: "40", newValue: "30" },
        },
      }),
    }),
    ["R740", "wait following"],
  ],
  [
    "settings, files or a password that changed are put in place",
    observation({ standbyChange: "reload" }),
    ["R730", "follow standby_settings_changed"],
  ],
  [
    "also if that takes a restart",
    observation({ standbyChange: "restart" }),
    ["R730", "follow standby_settings_changed"],
  ],
  [
    "a nostream member turns away",
    observation({ tags: { ...NO_TAGS, isNostream: true } }),
    ["R730", "follow upstream_changed"],
  ],
  [
    "and is well without a stream",
    observation({
      tags: { ...NO_TAGS, isNostream: true },
      postgres: replica({ upstream: null, isStreaming: false }),
    }),
    ["R740", "wait following"],
  ],
];

const FEED = { name: "feed", database: "db", plugin: "pgoutput" } as const;
const LACKING = {
  view: cluster({
    status: { leaderLsn: HERE, slots: { feed: HERE }, retainSlots: null },
  }),
  ...settings({
    slots: {
      permanent: {
        feed: { type: "logical", database: "db", plugin: "pgoutput" },
      },
      ignored: [],
    },
  }),
} as const;
const COPIED = {
  kind: "copy_slots",
  source: "n1",
  upstream: "n1",
  slots: [FEED],
} as const;

const COPIES: readonly Row[] = [
  [
    "a logical slot that is missing here is copied",
    observation(LACKING),
    ["R735", "copy_slots logical_slots_missing"],
  ],
  [
    "but not by a replica that does not stream",
    observation({ ...LACKING, postgres: replica({ isStreaming: false }) }),
    ["R740", "wait following"],
  ],
  [
    "nor while a switchover is under way",
    observation({
      ...LACKING,
      view: { ...LACKING.view, ...failover("n1", "n2") },
    }),
    ["R740", "wait following"],
  ],
  [
    "nor again at once when that did not help",
    observation({
      ...LACKING,
      memory: { ...MEMORY, lastOutcome: outcome(COPIED) },
    }),
    ["R740", "wait following"],
  ],
  [
    "but later",
    observation({
      ...LACKING,
      memory: {
        ...MEMORY,
        lastOutcome: outcome(COPIED, { endedAt: moment(NOW - 60_000) }),
      },
    }),
    ["R735", "copy_slots logical_slots_missing"],
  ],
];

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
    ["R620", "wait not_running_in_pause"],
  ],
  [
    "a reinitialize is begun",
    observation({
      request: { kind: "reinitialize", isForcedFromLeader: false },
    }),
    ["R650", "reinitialize reinitialize_requested"],
  ],
  [
    "no data goes while the leader does not run",
    observation({
      view: cluster({
        members: [
          leaderMember("n1", { state: "starting" }),
          member("n2"),
          member("n3"),
        ],
      }),
      request: { kind: "reinitialize", isForcedFromLeader: true },
    }),
    ["R650", "refuse_request leader_not_running"],
  ],
  [
    "half-rewound data is replaced by a copy",
    observation({ postgres: HALF_REWOUND }),
    ["R630", "remove_data half_made_clone"],
  ],
  [
    "what may be somebody's is moved aside for a copy",
    observation({ postgres: DOUBTFUL }),
    ["R635", "set_aside doubtful_marker"],
  ],
  [
    "it stays while the leader cannot be copied",
    observation({
      postgres: DOUBTFUL,
      view: cluster({
        members: [leaderMember("n1", { state: "starting" }), member("n2")],
      }),
    }),
    ["R640", "wait data_directory_unusable"],
  ],
  [
    "an operator may give it away",
    observation({
      postgres: DOUBTFUL,
      request: { kind: "reinitialize", isForcedFromLeader: false },
    }),
    ["R650", "reinitialize reinitialize_requested"],
  ],
  [
    "but not while the leader cannot be copied",
    observation({
      postgres: HALF_REWOUND,
      view: cluster({
        members: [leaderMember("n1", { state: "starting" }), member("n2")],
      }),
    }),
    ["R640", "wait data_directory_unusable"],
  ],
  [
    "somebody else's files are left alone",
    observation({ postgres: FOREIGN }),
    ["R640", "wait system_id_invalid"],
  ],
  [
    "somebody else's files go when the operator says so",
    observation({
      postgres: FOREIGN,
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
  ...CLONES,
  ...UPSTREAMS,
  ...COPIES,
  [
    "all is well",
    observation(),
    ["R740", "wait following"],
  ],
];

testRows("FOLLOWER", FOLLOWER);

Deno.test("an empty member clones from any member that offers itself", () => {
  const view = cluster({
    members: [
      leaderMember("n1", { tags: OFFERS }),
      member("n2", { tags: OFFERS }),
      member("n3", { tags: OFFERS }),
      member("n4", { tags: OFFERS }),
      member("n5", { tags: OFFERS, state: "stopped" }),
    ],
  });
  const sourceAt = (
    chance: number,
    changes: Partial<Observation> = {},
  ): string | null => {
    const o = observation({ ...EMPTY, view, chance, ...changes });
    const { decision } = decide(o);
    assert.ok(decision.kind === "start_task");
    const { task } = decision;
    return task.kind === "clone" || task.kind === "reinitialize"
      ? task.source
      : null;
  };
  const chances = [0, 0.25, 0.49, 0.5, 0.75, 0.999];
  const sources = chances.map((chance) => sourceAt(chance));
  assert.deepEqual(sources, ["n3", "n3", "n3", "n4", "n4", "n4"]);
  const failed = outcome(CLONED, {
    result: "failed",
    endedAt: moment(NOW - 60_000),
  });
  const memory = { ...MEMORY, failuresInRow: 1, lastOutcome: failed };
  for (const chance of chances) {
    assert.equal(sourceAt(chance, { memory }), "n4");
  }
  const request = { kind: "reinitialize", isForcedFromLeader: true } as const;
  assert.equal(sourceAt(0, { request }), "n1");
  const polite = { ...request, isForcedFromLeader: false } as const;
  assert.notEqual(sourceAt(0, { request: polite }), "n1");
});
