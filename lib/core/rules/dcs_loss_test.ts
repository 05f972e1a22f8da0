import {
  leaderObservation,
  observation,
  stopped,
} from "../../../tests/helpers/builders.ts";
import {
  DUE,
  MEMORY,
  type Row,
  settings,
  testRows,
} from "../../../tests/helpers/rule_table.ts";

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

testRows("DCS_LOSS", DCS_LOSS);
