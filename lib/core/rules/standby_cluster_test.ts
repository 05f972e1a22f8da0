/** A scope that follows an instance of another one. */
import {
  answer,
  cluster,
  HERE,
  leaderObservation,
  member,
  observation,
  primary,
  replica,
  stopped,
  unlocked,
} from "../../../tests/helpers/builders.ts";
import {
  asked,
  DUE,
  history,
  MEMORY,
  type Row,
  running,
  settings,
  SUSPECTED,
  testRows,
} from "../../../tests/helpers/rule_table.ts";
import { lsn } from "../base/units.ts";
import type { UpstreamView } from "../model/peer_view.ts";
import type { StandbyCluster } from "../model/standby_cluster.ts";

const REMOTE_CLUSTER: StandbyCluster = {
  host: "10.9.9.9",
  port: 5432,
  primarySlotName: null,
  createReplicaMethods: ["basebackup"],
  restoreCommand: null,
  archiveCleanupCommand: null,
  recoveryMinApplyDelay: null,
};
const STANDBY = settings({
  isStandbyCluster: true,
  isRewindAllowed: true,
  standbyCluster: REMOTE_CLUSTER,
});
const ARCHIVE = settings({
  isStandbyCluster: true,
  standbyCluster: { ...REMOTE_CLUSTER, host: null, restoreCommand: "cp %f %p" },
});
const ON_REMOTE = replica({ upstream: { host: "10.9.9.9", port: 5432 } });
const LEADING = {
  ...STANDBY,
  postgres: ON_REMOTE,
  memory: { ...MEMORY, role: "standby_leader" },
} as const;
const DEMOTE_CLUSTER = running({
  kind: "demote",
  how: "cluster",
  deadline: null,
});

/** The same answer, given by a standby. */
function asStandby(view: UpstreamView): UpstreamView {
  return view.kind === "answered" ? { ...view, isInRecovery: true } : view;
}

const ROWS: readonly Row[] = [
  [
    "the initialize race is for a copy of the remote",
    observation({
      ...STANDBY,
      view: unlocked({ initialize: { kind: "bootstrapping" } }),
      postgres: { kind: "empty" },
      memory: { ...MEMORY, isBootstrapOwner: true },
    }),
    ["R130", "clone no_cluster_yet"],
  ],
  [
    "without a leader a stopped member follows the remote",
    observation({ ...STANDBY, view: unlocked(), postgres: stopped() }),
    ["R260", "start standby instance_down"],
  ],
  [
    "members race for the key as everywhere",
    observation({ ...STANDBY, view: unlocked(), ...asked(answer("n3")) }),
    ["R340", "acquire_lease healthiest"],
  ],
  [
    "the holder of the key is not promoted, it follows the remote",
    leaderObservation({ ...LEADING, postgres: replica() }),
    ["R586", "follow remote_changed"],
  ],
  [
    "what it should have there is put in place",
    leaderObservation({ ...LEADING, standbyChange: "reload" }),
    ["R586", "follow standby_settings_changed"],
  ],
  [
    "all is well",
    leaderObservation(LEADING),
    ["R588", "wait leading_standby"],
  ],
  [
    "of a list of hosts the first counts",
    leaderObservation({
      ...LEADING,
      settings: {
        ...STANDBY.settings,
        standbyCluster: { ...REMOTE_CLUSTER, host: "10.9.9.9,10.9.9.8" },
      },
    }),
    ["R588", "wait leading_standby"],
  ],
  [
    "a replay that waits for a raised setting gets its restart",
    leaderObservation({
      ...LEADING,
      postgres: {
        ...ON_REMOTE,
        isReplayPaused: true,
        pendingRestart: {
          max_connections: { oldValue: "30", newValue: "40" },
        },
      },
    }),
    ["R587", "restart replay_blocked"],
  ],
  [
    "a scope with an archive only follows nobody",
    leaderObservation({
      ...LEADING,
      ...ARCHIVE,
      postgres: replica({ upstream: null, isStreaming: false }),
    }),
    ["R588", "wait leading_standby"],
  ],
  [
    "a stopped leader starts as standby",
    leaderObservation({ ...LEADING, postgres: stopped() }),
    ["R460", "start standby leader_starts_read_only"],
  ],
  [
    "a primary becomes the standby leader when the section appears",
    leaderObservation(STANDBY),
    ["R483", "demote cluster standby_cluster_begins"],
  ],
  [
    "in pause it stays a primary",
    leaderObservation({
      ...STANDBY,
      settings: { ...STANDBY.settings, isPaused: true },
    }),
    ["R590", "wait leading"],
  ],
  [
    "while it stops it keeps the key",
    leaderObservation({
      ...STANDBY,
      ...DEMOTE_CLUSTER,
      ...DUE,
    }),
    ["R050", "renew_lease cycle"],
  ],
  [
    "a leader that is not trusted is compared with the remote",
    leaderObservation({ ...LEADING, postgres: stopped(), memory: SUSPECTED }),
    ["R455", "ask_upstream divergence_suspected"],
  ],
  [
    "the stream from the remote is proof enough",
    leaderObservation({ ...LEADING, memory: SUSPECTED }),
    ["R455", "trust_timeline not_diverged"],
  ],
  [
    "a remote that does not answer keeps nobody from starting",
    leaderObservation({
      ...LEADING,
      postgres: stopped(),
      memory: SUSPECTED,
      upstream: { kind: "silent", detail: "" },
    }),
    ["R460", "start standby leader_starts_read_only"],
  ],
  [
    "a leader that diverged from the remote is rewound",
    leaderObservation({
      ...LEADING,
      postgres: stopped(),
      memory: SUSPECTED,
      upstream: history(1, lsn(HERE + 16n)),
    }),
    ["R455", "rewind diverged"],
  ],
  [
    "a replica follows the standby leader",
    observation({
      ...STANDBY,
      view: cluster({
        members: [member("n1", { role: "standby_leader" }), member("n2")],
      }),
    }),
    ["R740", "wait following"],
  ],
  [
    "a replica that diverged is rewound from the remote",
    observation({
      ...STANDBY,
      view: cluster({
        members: [member("n1", { role: "standby_leader" }), member("n2")],
      }),
      postgres: stopped(),
      memory: SUSPECTED,
      upstream: asStandby(history(1, lsn(HERE + 16n))),
    }),
    ["R700", "rewind diverged"],
  ],
  [
    "without the section the standby leader is promoted",
    leaderObservation({ ...LEADING, ...settings({}) }),
    ["R496", "promote lease_acquired"],
  ],
  [
    "a primary without the key stops",
    observation({ ...STANDBY, postgres: primary() }),
    ["R610", "demote immediate_nolock not_leader"],
  ],
];

testRows("STANDBY_CLUSTER", ROWS);
