import {
  answer,
  cluster,
  leaderMember,
  leaderObservation,
  member,
  NOW,
  outcome,
  primary,
  replica,
  sender,
  starting,
  stopped,
} from "../../../tests/helpers/builders.ts";
import {
  asked,
  DUE,
  failover,
  MEMORY,
  type Row,
  settings,
  SHORT_LEASE,
  sync,
  testRows,
} from "../../../tests/helpers/rule_table.ts";
import { lsn, moment, revision } from "../base/units.ts";
import type { Observation } from "../model/observation.ts";

const HANGING = {
  kind: "unresponsive",
  control: null,
  postmasterPid: 4711,
  detail: "CONNECT_TIMEOUT",
} as const;
const SWITCHOVER = { view: cluster(failover("n1", null)) };

const QUORUM_KEY = {
  leader: "n3",
  quorum: 1,
  standbys: ["n1", "n2"],
  revision: revision(5),
};

/** n1 was promoted so many milliseconds ago; its member key has that role. */
function promoted(agoMs: number, role: "replica" | "primary"): Observation {
  const own = { ...leaderMember("n1"), role };
  const endedAt = moment(NOW - agoMs);
  return leaderObservation({
    ...settings({ synchronousMode: "on" }),
    view: cluster({ members: [own, member("n2"), member("n3")] }),
    memory: {
      ...MEMORY,
      lastOutcome: outcome({ kind: "promote" }, { endedAt }),
    },
  });
}

const LEADER: readonly Row[] = [
  [
    "the lease is renewed first",
    leaderObservation({ ...DUE, postgres: stopped() }),
    ["R410", "renew_lease cycle"],
  ],
  [
    // Simulator, seed 8589: frozen between the decision to bid and the bid.
    "in synchronous mode a replica that won with an old view gives the key back",
    leaderObservation({
      postgres: replica(),
      view: cluster(sync("n2", "n3")),
      ...settings({ synchronousMode: "on" }),
    }),
    ["R415", "release_lease not_synchronous"],
  ],
  [
    "in synchronous mode a primary that won with an old view stops",
    leaderObservation({
      view: cluster(sync("n2", "n3")),
      ...settings({ synchronousMode: "on" }),
    }),
    ["R415", "demote immediate not_healthiest"],
  ],
  [
    // Simulator, seed 3502: the answers were from before somebody else led.
    "in quorum mode the holder of the key asks for the votes again",
    leaderObservation({
      postgres: replica(),
      view: cluster({ sync: QUORUM_KEY }),
      ...settings({ synchronousMode: "quorum" }),
    }),
    ["R488", "ask_peers votes_recounted"],
  ],
  [
    "in quorum mode a holder without the votes gives the key back",
    leaderObservation({
      postgres: replica(),
      view: cluster({ sync: QUORUM_KEY }),
      ...settings({ synchronousMode: "quorum" }),
      ...asked({ kind: "silent", name: "n2", detail: "" }),
    }),
    ["R488", "release_lease not_synchronous"],
  ],
  [
    "an operator may force a member that lacks commits to lead",
    leaderObservation({
      postgres: replica(),
      view: cluster({ ...sync("n2", "n3"), ...failover(null, "n1") }),
      ...settings({ synchronousMode: "on" }),
    }),
    ["R493", "write_sync synchronous_enabled"],
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
    "a primary whose required watchdog failed gives the lead up",
    leaderObservation({ memory: { ...MEMORY, hasWatchdogFailed: true } }),
    ["R482", "demote immediate watchdog_failed"],
  ],
  [
    "a replica that won the lease without its required watchdog gives it back",
    leaderObservation({
      postgres: replica(),
      memory: { ...MEMORY, hasWatchdogFailed: true },
    }),
    ["R482", "release_lease watchdog_failed"],
  ],
  [
    "in pause the watchdog does not matter",
    leaderObservation({
      memory: { ...MEMORY, hasWatchdogFailed: true },
      ...settings({ isPaused: true }),
    }),
    ["R590", "wait leading"],
  ],
  [
    "with start timeout 0 a crash asks who can take over",
    leaderObservation({
      postgres: stopped(),
      ...settings({ primaryStartTimeoutMs: 0 }),
    }),
    ["R440", "ask_peers crash_failover"],
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
    "a start that takes too long is given up for a member that is ready",
    leaderObservation({
      postgres: starting(),
      memory: { ...MEMORY, startingSince: moment(NOW - 300_001) },
      ...asked(answer("n2")),
    }),
    ["R470", "demote immediate start_timed_out"],
  ],
  [
    "a start that hangs is given up likewise",
    leaderObservation({
      postgres: HANGING,
      memory: { ...MEMORY, startingSince: moment(NOW - 300_001) },
      ...asked(answer("n2")),
    }),
    ["R470", "demote immediate start_timed_out"],
  ],
  [
    "a start after which the agent is refused is no start that lasts",
    leaderObservation({
      postgres: HANGING,
      memory: { ...MEMORY, startingSince: moment(NOW - 1_000) },
    }),
    ["R470", "wait unresponsive"],
  ],
  [
    "what answered once and is silent now is watched",
    leaderObservation({ postgres: HANGING, memory: MEMORY }),
    ["R480", "wait unresponsive"],
  ],
  [
    "a promotion that the user's script forbade gives the key back",
    leaderObservation({
      postgres: replica(),
      memory: { ...MEMORY, prePromoteFailedAt: NOW },
    }),
    ["R487", "release_lease pre_promote_failed"],
  ],
  [
    "a ttl later the script is asked again",
    leaderObservation({
      postgres: replica(),
      memory: { ...MEMORY, prePromoteFailedAt: moment(NOW - 30_000) },
    }),
    ["R496", "promote lease_acquired"],
  ],
  [
    "in pause the script's word does not count",
    leaderObservation({
      view: cluster(failover(null, "n1")),
      postgres: replica(),
      memory: { ...MEMORY, prePromoteFailedAt: NOW },
      ...settings({ isPaused: true }),
    }),
    ["R496", "promote lease_acquired"],
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
    "a new primary is told of before its synchronous set is put in order",
    promoted(0, "replica"),
    ["R575", "wait leading"],
  ],
  [
    "one that the store knows as primary goes on",
    promoted(0, "primary"),
    ["R580", "write_sync synchronous_enabled"],
  ],
  [
    "a member key that cannot be written keeps nothing back for long",
    promoted(1_000, "replica"),
    ["R580", "write_sync synchronous_enabled"],
  ],
  [
    "synchronous mode begins with an empty list",
    leaderObservation(settings({ synchronousMode: "on" })),
    ["R580", "write_sync synchronous_enabled"],
  ],
  [
    // Simulator, seed 21791: the write that was thought lost listed a replica
    // just after PostgreSQL had stopped waiting for it.
    "a write of the key that may still be on its way is overtaken first",
    leaderObservation({
      ...settings({ synchronousMode: "on" }),
      view: cluster(sync("n1")),
      postgres: primary({ walSenders: [sender("n2")] }),
      memory: { ...MEMORY, isSyncWriteUncertain: true },
    }),
    ["R580", "write_sync synchronous_standbys_changed"],
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

testRows("LEADER", LEADER);
