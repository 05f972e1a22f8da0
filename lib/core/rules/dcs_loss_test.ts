import {
  leaderObservation,
  NOW,
  observation,
  stopped,
} from "../../../tests/helpers/builders.ts";
import {
  DUE,
  MEMORY,
  type Row,
  settings,
  SHORT_LEASE,
  testRows,
} from "../../../tests/helpers/rule_table.ts";
import { moment } from "../base/units.ts";
import type { FailsafeRefusal } from "../model/failsafe.ts";
import type { Observation } from "../model/observation.ts";

const AWAY = {
  view: null,
  ...settings({ isFailsafeMode: true }),
  memory: {
    ...MEMORY,
    role: "primary",
    failsafe: { n1: "http://n1", n2: "http://n2" },
  },
} as const;
const LATER = moment(NOW + 19_000);
const LATEST = moment(NOW + 25_000);

/** A primary under the store's or its members' cover that was refused. */
function refused(failsafeRefusal: FailsafeRefusal) {
  return { ...AWAY, memory: { ...AWAY.memory, failsafeRefusal } } as const;
}

function consents(refusal: FailsafeRefusal): Observation {
  return leaderObservation({
    ...refused(refusal),
    lease: { ...DUE.lease, source: "failsafe", cover: "refused" },
  });
}

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
      lease: { kind: "none" },
    }),
    ["R820", "demote offline dcs_unreachable"],
  ],
  [
    "in failsafe mode the members of the map are asked",
    leaderObservation({ ...AWAY, ...DUE }),
    ["R823", "ask_failsafe dcs_unreachable"],
  ],
  [
    "nobody is asked without a lease to extend",
    leaderObservation({ ...AWAY, lease: { kind: "none" } }),
    ["R820", "demote offline dcs_unreachable"],
  ],
  [
    "nobody is asked by a leader that the map does not list",
    leaderObservation({
      ...AWAY,
      ...DUE,
      memory: { ...MEMORY, failsafe: { n2: "http://n2" } },
    }),
    ["R830", "wait lease_still_covers"],
  ],
  [
    "with the consent of all the primary goes on",
    leaderObservation({
      ...AWAY,
      lease: { ...DUE.lease, source: "failsafe", cover: "granted" },
    }),
    ["R826", "wait failsafe_covers"],
  ],
  [
    "consent is asked for again after loop_wait",
    leaderObservation({
      ...AWAY,
      lease: { ...DUE.lease, source: "failsafe", deadline: LATER },
    }),
    ["R823", "ask_failsafe dcs_unreachable"],
  ],
  [
    "until then the last consent covers",
    leaderObservation({
      ...AWAY,
      lease: { ...DUE.lease, source: "failsafe", deadline: LATEST },
    }),
    ["R826", "wait failsafe_covers"],
  ],
  [
    "after a refusal only what was granted before covers",
    leaderObservation({
      ...AWAY,
      lease: { ...DUE.lease, source: "failsafe", cover: "refused" },
    }),
    ["R830", "wait lease_still_covers"],
  ],
  [
    "who lives by consents is refused for less than two attempts may take",
    consents({ since: moment(NOW - 3_999), isByLeader: false }),
    ["R830", "wait lease_still_covers"],
  ],
  [
    "then it steps down, whatever the last consents still cover",
    consents({ since: moment(NOW - 4_000), isByLeader: false }),
    ["R825", "demote offline consent_lost"],
  ],
  [
    "at once for a member that leads itself",
    consents({ since: NOW, isByLeader: true }),
    ["R825", "demote offline consent_lost"],
  ],
  [
    "a refusal of before means nothing once all agree",
    leaderObservation({
      ...refused({ since: moment(NOW - 9_000), isByLeader: false }),
      lease: { ...DUE.lease, source: "failsafe", cover: "granted" },
    }),
    ["R826", "wait failsafe_covers"],
  ],
  [
    "a renewal by the store covers to its end, as without the mode",
    leaderObservation({
      ...refused({ since: moment(NOW - 9_000), isByLeader: true }),
      lease: { ...DUE.lease, source: "store", cover: "refused" },
    }),
    ["R830", "wait lease_still_covers"],
  ],
  [
    "a lease that rests on failsafe runs out like any other",
    leaderObservation({
      ...AWAY,
      lease: { ...SHORT_LEASE.lease, source: "failsafe", cover: "refused" },
    }),
    ["R020", "demote offline lease_running_out"],
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
    "a primary that its fence took down comes back once its lease has ended",
    observation({
      view: null,
      postgres: stopped(),
      memory: { ...MEMORY, role: "primary" },
      lease: { ...DUE.lease, deadline: moment(NOW - 1) },
    }),
    ["R840", "start standby instance_down"],
  ],
  [
    "before that it may still lead, and waits for the store",
    observation({
      view: null,
      postgres: stopped(),
      memory: { ...MEMORY, role: "primary" },
      lease: { ...DUE.lease, deadline: moment(NOW + 1) },
    }),
    ["R850", "wait dcs_unreachable"],
  ],
  [
    "a replica goes on",
    observation({ view: null }),
    ["R850", "wait dcs_unreachable"],
  ],
];

testRows("DCS_LOSS", DCS_LOSS);
