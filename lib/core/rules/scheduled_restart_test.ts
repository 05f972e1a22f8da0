/** Restarts that wait for their time, for leaders and followers alike. */
import {
  leaderObservation,
  observation,
  primary,
  replica,
} from "../../../tests/helpers/builders.ts";
import {
  MEMORY,
  type Row,
  settings,
  testRows,
} from "../../../tests/helpers/rule_table.ts";
import type { Observation } from "../model/observation.ts";
import type { RestartFilters } from "../model/request.ts";

const NOW_MS = 1_800_000_000_000;
const NO_FILTERS: RestartFilters = {
  role: null,
  postgresVersion: null,
  isPendingOnly: false,
  timeoutMs: null,
};

/** A restart that is due after that time. */
function due(
  inMs: number,
  filters: Partial<RestartFilters> = {},
): Pick<Observation, "memory"> {
  return {
    memory: {
      ...MEMORY,
      scheduledRestart: {
        schedule: new Date(NOW_MS + inMs).toISOString(),
        filters: { ...NO_FILTERS, ...filters },
        postmasterStartTime: replica().postmasterStartTime,
      },
    },
  };
}

const PENDING = {
  pendingRestart: { max_connections: { oldValue: "1", newValue: "2" } },
};

const ROWS: readonly Row[] = [
  [
    "far away it changes nothing",
    observation(due(60_000)),
    ["R740", "wait following"],
  ],
  [
    "within loop_wait it is waited for",
    observation(due(5_000)),
    ["R738", "wait restart_scheduled"],
  ],
  [
    "a replica restarts in time",
    observation(due(-100)),
    ["R738", "restart restart_due"],
  ],
  [
    "a leader restarts in time",
    leaderObservation({ ...due(-100), postgres: primary() }),
    ["R585", "restart restart_due"],
  ],
  [
    "a schedule that passed unused is dropped",
    observation(due(-16_000)),
    ["R738", "drop_restart schedule_passed"],
  ],
  [
    "another server than was meant is not restarted",
    observation({
      ...due(60_000),
      postgres: replica({ postmasterStartTime: "later" }),
    }),
    ["R738", "drop_restart postmaster_changed"],
  ],
  [
    "conditions count at that time",
    observation(due(-100, { role: "primary" })),
    ["R738", "drop_restart conditions_unmet"],
  ],
  [
    "a server that is new enough stays",
    observation(due(-100, { postgresVersion: "15.18" })),
    ["R738", "drop_restart conditions_unmet"],
  ],
  [
    "an old server is restarted",
    observation(due(-100, { postgresVersion: "15.19" })),
    ["R738", "restart restart_due"],
  ],
  [
    "without a pending change there is nothing to do",
    observation(due(-100, { isPendingOnly: true })),
    ["R738", "drop_restart conditions_unmet"],
  ],
  [
    "a pending change is reason enough",
    observation({
      ...due(-100, { isPendingOnly: true }),
      postgres: replica(PENDING),
    }),
    ["R738", "restart restart_due"],
  ],
  [
    "in pause it waits, even past its time",
    observation({ ...due(-60_000), ...settings({ isPaused: true }) }),
    ["R740", "wait following"],
  ],
];

testRows("SCHEDULED_RESTART", ROWS);
