import {
  cluster,
  leaderObservation,
  member,
  observation,
  outcome,
  replica,
  stopped,
  unlocked,
} from "../../../tests/helpers/builders.ts";
import {
  failover,
  MEMORY,
  NOFAILOVER,
  type Row,
  running,
  settings,
  testRows,
} from "../../../tests/helpers/rule_table.ts";
import type { RestoreView } from "../model/restore.ts";

const RESTORE: RestoreView = {
  target: "recovery_target_name = good",
  action: "promote",
  problem: null,
};
const ALONE = unlocked({ members: [member("n2")] });
const AFRESH = unlocked({ members: [], initialize: { kind: "absent" } });

function waiting(changes: Partial<RestoreView> = {}) {
  const restore = { ...RESTORE, ...changes };
  return { postgres: stopped({ isStandby: true, restore }) };
}

function onItsWay(isReplayPaused: boolean) {
  const restore = { ...RESTORE, action: "pause" } as const;
  const state = { isStreaming: false, isReplayPaused, restore };
  return { postgres: replica(state) };
}

function ended(result: "done" | "failed") {
  const lastOutcome = outcome({ kind: "finish_restore" }, { result });
  return { memory: { ...MEMORY, failuresInRow: 1, lastOutcome } };
}

const ROWS: readonly Row[] = [
  [
    "a restored backup alone recovers first",
    observation({ ...waiting(), view: ALONE }),
    ["R255", "finish_restore restored_backup"],
  ],
  [
    "after its lineage was published",
    observation({ ...waiting(), view: AFRESH }),
    ["R170", "write_initialize initialize_invalid"],
  ],
  [
    "but not beside members that it would overtake",
    observation({
      ...waiting(),
      view: unlocked({ members: [member("n2"), member("n3")] }),
    }),
    ["R255", "wait restore_refused"],
  ],
  [
    "nor without restore_command",
    observation({ ...waiting({ problem: "no_restore_command" }), view: ALONE }),
    ["R255", "wait restore_refused"],
  ],
  [
    "nor with settings that nobody can read",
    observation({
      ...waiting({ problem: "settings_unreadable" }),
      view: ALONE,
    }),
    ["R255", "wait restore_refused"],
  ],
  [
    "nor where it could not lead afterwards",
    observation({ ...waiting(), view: ALONE, tags: NOFAILOVER }),
    ["R255", "wait restore_refused"],
  ],
  [
    "nor in a standby cluster",
    observation({
      ...waiting(),
      view: ALONE,
      ...settings({ isStandbyCluster: true }),
    }),
    ["R255", "wait restore_refused"],
  ],
  [
    "in pause it stays down",
    observation({ ...waiting(), view: ALONE, ...settings({ isPaused: true }) }),
    ["R220", "wait not_running_in_pause"],
  ],
  [
    "one that was shut down at its target stays down",
    observation({
      ...waiting({ action: "shutdown" }),
      view: ALONE,
      ...ended("done"),
    }),
    ["R255", "wait restore_shut_down"],
  ],
  [
    "one that failed is tried again later",
    observation({ ...waiting(), view: ALONE, ...ended("failed") }),
    ["R255", "wait back_off"],
  ],
  [
    "on its way to the target it does not race",
    observation({ ...onItsWay(false), view: ALONE }),
    ["R265", "wait restore_on_its_way"],
  ],
  [
    "not even when an operator names it",
    observation({
      ...onItsWay(false),
      view: { ...ALONE, ...failover(null, "n2") },
    }),
    ["R265", "wait restore_on_its_way"],
  ],
  [
    "paused at the target it waits for an operator",
    observation({ ...onItsWay(true), view: ALONE }),
    ["R265", "wait restore_paused"],
  ],
  [
    "who names it",
    observation({
      ...onItsWay(true),
      view: { ...ALONE, ...failover(null, "n2") },
    }),
    ["R310", "acquire_lease named_candidate"],
  ],
  [
    "beside a leader it stays untouched",
    observation(waiting()),
    ["R645", "wait restore_refused"],
  ],
  [
    "also while it pauses",
    observation(onItsWay(true)),
    ["R645", "wait restore_refused"],
  ],
  [
    "unless an operator wants a new copy",
    observation({
      ...waiting(),
      request: { kind: "reinitialize", isForcedFromLeader: false },
    }),
    ["R650", "reinitialize reinitialize_requested"],
  ],
  [
    "a leader that was restored under its agent gives the key away",
    leaderObservation(waiting()),
    ["R065", "release_lease restored_backup"],
  ],
  [
    "without the store nothing begins",
    observation({ ...waiting(), view: null }),
    ["R835", "wait dcs_unreachable"],
  ],
  [
    "another leader ends the recovery",
    observation({
      ...waiting(),
      view: cluster(),
      ...running({ kind: "finish_restore" }),
    }),
    ["R045", "cancel_task other_leads"],
  ],
  [
    "nobody else does",
    observation({
      ...waiting(),
      view: ALONE,
      ...running({ kind: "finish_restore" }),
    }),
    ["R060", "wait task_in_progress"],
  ],
];

testRows("restore", ROWS);
