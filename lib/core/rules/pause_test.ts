/**
 * Maintenance mode: what each section does differently, row by row of
 * docs/contract/ha.md 13.
 */
import {
  answer,
  cluster,
  control,
  leaderObservation,
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
  asked,
  DUE,
  failover,
  MEMORY,
  type Row,
  settings,
  SHORT_LEASE,
  testRows,
} from "../../../tests/helpers/rule_table.ts";
import { revision } from "../base/units.ts";

const PAUSED = settings({ isPaused: true });
const DEMOTED = { ...MEMORY, role: "demoted" } as const;
const FOREIGN = control({ systemId: "1" });
const REINITIALIZED = {
  ...MEMORY,
  lastOutcome: outcome({
    kind: "reinitialize",
    source: "n1",
    isForcedFromLeader: false,
  }),
};

function scheduled(candidate: string | null) {
  const failover = {
    leader: "n1",
    candidate,
    scheduledAt: "2026-11-20T05:00:00+00:00",
    revision: revision(6),
  };
  return { failover };
}

const PAUSE: readonly Row[] = [
  [
    "the leader goes on renewing",
    leaderObservation({ ...DUE, ...PAUSED }),
    ["R410", "renew_lease cycle"],
  ],
  [
    "a leader whose lease runs out is not stopped",
    leaderObservation({ ...SHORT_LEASE, ...PAUSED }),
    ["R590", "wait leading"],
  ],
  [
    "a leader whose instance is down gives the key away",
    leaderObservation({ postgres: stopped(), ...PAUSED }),
    ["R425", "release_lease not_running_in_pause"],
  ],
  [
    "a leader that is a replica gives the key away",
    leaderObservation({ postgres: replica(), ...PAUSED }),
    ["R485", "release_lease not_primary_in_pause"],
  ],
  [
    "the named candidate that got the key is promoted",
    leaderObservation({
      view: cluster(failover("n2", "n1")),
      postgres: replica(),
      ...PAUSED,
    }),
    ["R496", "promote lease_acquired"],
  ],
  [
    "a leader of another lineage gives the key away",
    leaderObservation({ postgres: primary({ systemId: "1" }), ...PAUSED }),
    ["R418", "release_lease system_id_mismatch"],
  ],
  [
    "a member of another lineage is tolerated",
    observation({ postgres: stopped({ control: FOREIGN }), ...PAUSED }),
    ["R620", "wait not_running_in_pause"],
  ],
  [
    "a slow start is not given up",
    leaderObservation({
      postgres: starting(),
      memory: { ...MEMORY, startingSince: NOW, startTimeoutMs: -1 },
      ...asked(answer("n2")),
      ...PAUSED,
    }),
    ["R470", "wait starting_up"],
  ],
  [
    "a switchover without candidate is refused",
    leaderObservation({ view: cluster(failover("n1", null)), ...PAUSED }),
    ["R510", "clear_failover candidate_missing_in_pause"],
  ],
  [
    "a switchover to a candidate begins",
    leaderObservation({
      view: cluster(failover("n1", "n2")),
      ...asked(answer("n2")),
      ...PAUSED,
    }),
    ["R540", "demote graceful switchover_requested"],
  ],
  [
    "a scheduled switchover stays where it is",
    leaderObservation({ view: cluster(scheduled(null)), ...PAUSED }),
    ["R590", "wait leading"],
  ],
  [
    "a restart is allowed",
    leaderObservation({
      request: { kind: "restart", timeoutMs: null },
      ...PAUSED,
    }),
    ["R550", "restart restart_requested"],
  ],
  [
    "a primary without the key is left alone",
    observation({ postgres: primary(), ...PAUSED }),
    ["R610", "wait primary_without_lock"],
  ],
  [
    "a primary without the key may be restarted",
    observation({
      postgres: primary(),
      request: { kind: "restart", timeoutMs: null },
      ...PAUSED,
    }),
    ["R720", "restart restart_requested"],
  ],
  [
    "a primary on an old timeline does not take the free key",
    observation({
      view: unlocked({
        history: [{
          timeline: 4,
          switchpoint: primary().flushedLsn,
          reason: "",
          timestamp: null,
          newLeader: null,
        }],
      }),
      postgres: primary(),
      ...PAUSED,
    }),
    ["R275", "wait timeline_behind"],
  ],
  [
    "a primary of another lineage does not take the free key",
    observation({
      view: unlocked(),
      postgres: primary({ systemId: "1" }),
      ...PAUSED,
    }),
    ["R280", "wait system_id_invalid"],
  ],
  [
    "a replica never takes the free key",
    observation({ view: unlocked(), ...asked(answer("n3")), ...PAUSED }),
    ["R290", "wait paused"],
  ],
  [
    "the named candidate takes the free key",
    observation({ view: unlocked(failover("n1", "n2")), ...PAUSED }),
    ["R310", "acquire_lease named_candidate"],
  ],
  [
    "the candidate of a scheduled request does not",
    observation({ view: unlocked(scheduled("n2")), ...PAUSED }),
    ["R290", "wait paused"],
  ],
  [
    "a stopped instance stays down without a leader",
    observation({ view: unlocked(), postgres: stopped(), ...PAUSED }),
    ["R220", "wait not_running_in_pause"],
  ],
  [
    "a stopped replica stays down under a leader",
    observation({ postgres: stopped({ isStandby: true }), ...PAUSED }),
    ["R620", "wait not_running_in_pause"],
  ],
  [
    "the old leader of a switchover comes back as replica",
    observation({ postgres: stopped(), memory: DEMOTED, ...PAUSED }),
    ["R710", "start standby instance_down"],
  ],
  [
    "the old leader of a switchover is rewound",
    observation({
      postgres: stopped(),
      memory: { ...DEMOTED, divergence: "suspected" },
      ...PAUSED,
    }),
    ["R700", "ask_upstream divergence_suspected"],
  ],
  [
    "a reinitialize is allowed",
    observation({
      request: { kind: "reinitialize", isForcedFromLeader: false },
      ...PAUSED,
    }),
    ["R650", "reinitialize reinitialize_requested"],
  ],
  [
    "a new copy is started",
    observation({
      postgres: stopped({ isStandby: true }),
      memory: REINITIALIZED,
      ...PAUSED,
    }),
    ["R710", "start standby instance_down"],
  ],
  [
    "a replica is pointed to the leader",
    observation({
      postgres: replica({ upstream: { host: "127.0.0.1", port: 5439 } }),
      ...PAUSED,
    }),
    ["R730", "follow upstream_changed"],
  ],
  [
    "a replica gets its changed settings",
    observation({ standbyChange: "reload", ...PAUSED }),
    ["R730", "follow standby_settings_changed"],
  ],
  [
    "but is not restarted for them",
    observation({ standbyChange: "restart", ...PAUSED }),
    ["R740", "wait following"],
  ],
  [
    "an empty scope is not bootstrapped",
    observation({
      view: unlocked({ initialize: { kind: "absent" } }),
      postgres: { kind: "empty" },
      ...PAUSED,
    }),
    ["R150", "wait bootstrap_not_allowed"],
  ],
  [
    "an empty member is not cloned",
    observation({ postgres: { kind: "empty" }, ...PAUSED }),
    ["R620", "wait not_running_in_pause"],
  ],
  [
    "a lost store changes nothing",
    leaderObservation({ view: null, ...SHORT_LEASE, ...PAUSED }),
    ["R810", "wait dcs_unreachable"],
  ],
];

testRows("PAUSE", PAUSE);
