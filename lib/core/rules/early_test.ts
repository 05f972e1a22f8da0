import {
  control,
  leaderObservation,
  NOW,
  observation,
  outcome,
  stopped,
} from "../../../tests/helpers/builders.ts";
import {
  MEMORY,
  type Row,
  running,
  SHORT_LEASE,
  testRows,
} from "../../../tests/helpers/rule_table.ts";
import { moment } from "../base/units.ts";
import type { LongTask } from "../model/task_view.ts";

const PROMOTE: LongTask = { kind: "promote" };

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
      ...running({ kind: "restart", timeoutMs: 1, isScheduled: false }),
      lease: {
        kind: "held",
        deadline: moment(NOW + 20_000),
        isFresh: false,
        source: "store",
        cover: "not_asked",
      },
    }),
    ["R050", "renew_lease cycle"],
  ],
  [
    "work in progress is left alone",
    observation(
      running({ kind: "clone", source: "n1", isBootstrapOwner: false }),
    ),
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

testRows("EARLY", EARLY);
