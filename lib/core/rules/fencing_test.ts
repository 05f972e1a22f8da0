/** The rows of a member that would have its lost leader's host ended, and of a leader that lives. */
import {
  answer,
  leaderMember,
  member,
  NOW,
  outcome,
  stopped,
} from "../../../tests/helpers/builders.ts";
import { ABLE, HEARD, SILENT } from "../../../tests/helpers/pledge_builders.ts";
import {
  AHEAD,
  asked,
  BEHIND,
  MEMORY,
  NOFAILOVER,
  type Row,
  running,
  testRows,
} from "../../../tests/helpers/rule_table.ts";
import {
  BOTH,
  CLAIMED,
  fencer,
  key,
  remembering,
  scope,
  SETTINGS,
  TASK,
} from "../../../tests/helpers/fencing_builders.ts";
import { lsn, moment, revision } from "../base/units.ts";
import type { Observation } from "../model/observation.ts";
import { DEFAULT_SETTINGS } from "../model/settings.ts";
import type { TaskOutcome } from "../model/task_view.ts";

function ended(changes: Partial<TaskOutcome>): Pick<Observation, "memory"> {
  return remembering({ claimedMs: 5_000, last: outcome(TASK, changes) });
}

const FAILED = { result: "failed", detail: "no" } as const;
const RUN = { host: "n1", by: "n3", result: "failed" } as const;
const WORN_OUT = Array.from({ length: 6 }, (_, minutes) => ({
  ...RUN,
  atMs: 1_800_000_000_000 - minutes * 60_000,
}));

const FOLLOWS = ["R740", "wait following"] as const;

const CLAIMS: readonly Row[] = [
  [
    "the others are asked first",
    fencer(),
    ["R965", "ask_peers leader_suspected"],
  ],
  [
    "who would win the race claims",
    fencer(BOTH),
    ["R975", "write_fencing leader_suspected"],
  ],
  [
    "alone there is nobody to ask",
    fencer({
      view: scope({ members: scope().members.slice(0, 2) }),
    }),
    ["R975", "write_fencing leader_suspected"],
  ],
  [
    "nothing is claimed on an old view",
    fencer({ ...BOTH, pledge: { ...ABLE, sound: SILENT, isViewFresh: false } }),
    ["R970", "look_afresh fencing_due"],
  ],
  [
    "a leader that is heard is followed",
    fencer({ pledge: { ...ABLE, sound: HEARD } }),
    FOLLOWS,
  ],
  [
    "one whose PostgreSQL answers is followed",
    fencer({
      pledge: {
        ...ABLE,
        sound: { ...SILENT, postgresAt: moment(NOW - 100) },
      },
    }),
    FOLLOWS,
  ],
  [
    "one that was never heard is followed",
    fencer({ pledge: { ...ABLE, sound: { ...SILENT, heardAt: null } } }),
    FOLLOWS,
  ],
  ["without a command nobody is fenced", fencer({ fencing: null }), FOLLOWS],
  [
    "without the setting nobody is fenced",
    fencer({ settings: DEFAULT_SETTINGS }),
    FOLLOWS,
  ],
  [
    "in pause nobody is fenced",
    fencer({ settings: { ...SETTINGS, isPaused: true } }),
    FOLLOWS,
  ],
  [
    "a standby leader is not fenced",
    fencer({ settings: { ...SETTINGS, isStandbyCluster: true } }),
    FOLLOWS,
  ],
  [
    "who never leads fences nobody",
    fencer({
      tags: NOFAILOVER,
      view: scope({
        members: scope().members.map((each) =>
          each.name === "n2" ? { ...each, tags: NOFAILOVER } : each
        ),
      }),
    }),
    FOLLOWS,
  ],
  [
    "a leader of Patroni could not object, and is not fenced",
    fencer({
      view: scope({
        members: [leaderMember("n1"), ...scope().members.slice(1)],
      }),
    }),
    FOLLOWS,
  ],
  [
    "a store that may forget carries no claim",
    fencer({
      pledge: { ...ABLE, sound: SILENT, storeObstacle: "store_may_forget" },
    }),
    FOLLOWS,
  ],
  [
    "who agreed to a leader in failsafe mode does not have it fenced",
    fencer({ pledge: { ...ABLE, sound: SILENT, hasConsented: true } }),
    FOLLOWS,
  ],
  [
    "nor who is about to stop",
    fencer({ memory: { ...MEMORY, isSyncDutyReleased: true } }),
    FOLLOWS,
  ],
  [
    "in failsafe mode only members of the map",
    fencer({
      settings: { ...SETTINGS, isFailsafeMode: true },
      view: scope({ failsafe: { n1: "http://n1", n3: "http://n3" } }),
      memory: { ...MEMORY, lastConsent: { at: moment(0), ttlMs: 0 } },
    }),
    FOLLOWS,
  ],
  [
    "whose WAL may have left the leader's line does not claim",
    fencer({ memory: { ...MEMORY, divergence: "suspected" } }),
    ["R690", "trust_timeline not_diverged"],
  ],
  [
    "whose instance is down starts it",
    fencer({ postgres: stopped() }),
    ["R710", "start standby instance_down"],
  ],
  [
    "where voters can prove it nobody is fenced: this one pledges",
    fencer({
      settings: { ...SETTINGS, synchronousMode: "on" },
      view: scope({
        sync: {
          ...{ leader: "n1", quorum: 0, standbys: ["n2"] },
          revision: revision(5),
        },
      }),
    }),
    ["R920", "write_pledge_record leader_suspected"],
  ],
  [
    "beside a voter that cannot pledge the leader is fenced by one that is in sync",
    fencer({
      ...BOTH,
      settings: { ...SETTINGS, synchronousMode: "on" },
      view: scope({
        members: [
          ...scope().members.slice(0, 2),
          member("n3"),
        ],
        sync: {
          ...{ leader: "n1", quorum: 0, standbys: ["n2", "n3"] },
          revision: revision(5),
        },
      }),
    }),
    ["R975", "write_fencing leader_suspected"],
  ],
  [
    "in synchronous mode who may lack commits fences nobody",
    fencer({
      settings: { ...SETTINGS, synchronousMode: "on" },
      view: scope({
        members: [
          ...scope().members.slice(0, 2),
          member("n3"),
        ],
        sync: {
          ...{ leader: "n1", quorum: 0, standbys: ["n3"] },
          revision: revision(5),
        },
      }),
    }),
    FOLLOWS,
  ],
  [
    "who lags too far lets the suspicion rest",
    fencer({
      ...BOTH,
      view: scope({
        status: { leaderLsn: lsn(1n << 30n), slots: null, retainSlots: null },
      }),
    }),
    ["R968", "rest_suspicion lag_exceeds_maximum"],
  ],
  [
    "so does who has less than another",
    fencer(asked(answer("n3", { position: AHEAD }))),
    ["R968", "rest_suspicion peer_ahead"],
  ],
  [
    "who has more does not wait for who has less",
    fencer(asked(answer("n3", { position: BEHIND }))),
    ["R975", "write_fencing leader_suspected"],
  ],
  [
    "a primary among the others is not passed over",
    fencer(asked(answer("n3", { isInRecovery: false }))),
    ["R968", "rest_suspicion primary_alive"],
  ],
  [
    "the answer of the lost leader itself counts for nothing",
    fencer(asked(answer("n1", { isInRecovery: false }), answer("n3"))),
    ["R975", "write_fencing leader_suspected"],
  ],
  [
    "while another one has the claim it is followed as ever",
    fencer({
      ...BOTH,
      view: scope({ fencing: key({ by: "n3" }) }),
      ...remembering({ seenMs: 35_000 }),
    }),
    FOLLOWS,
  ],
  [
    "an owner that is silent for too long loses it",
    fencer({
      ...BOTH,
      view: scope({ fencing: key({ by: "n3" }) }),
      ...remembering({ seenMs: 35_700 }),
    }),
    ["R975", "write_fencing leader_suspected"],
  ],
  [
    "another one's failure is no reason to leave it",
    fencer({
      ...BOTH,
      view: scope({ fencing: key({ by: "n3", state: "failed" }) }),
      ...remembering({}),
    }),
    ["R975", "write_fencing leader_suspected"],
  ],
  [
    "the own one is",
    fencer({
      ...BOTH,
      view: scope({ fencing: key({ state: "failed" }) }),
      ...remembering({}),
    }),
    FOLLOWS,
  ],
  [
    "under a claim of the term before a command may still run",
    fencer({
      ...BOTH,
      view: scope({ fencing: key({ by: "n3", term: revision(9) }) }),
      ...remembering({}),
    }),
    FOLLOWS,
  ],
  [
    "what was fenced or given up in it does not matter any more",
    fencer({
      ...BOTH,
      view: scope({ fencing: key({ term: revision(9), state: "failed" }) }),
      ...remembering({}),
    }),
    ["R975", "write_fencing leader_suspected"],
  ],
  [
    "the own one of the term before is let go",
    fencer({
      view: scope({ fencing: key({ term: revision(9) }) }),
      ...remembering({}),
      pledge: { ...ABLE, sound: HEARD },
    }),
    ["R975", "write_fencing withdrawn"],
  ],
  [
    "what a leader objected to is its owner's to let go",
    fencer({
      ...BOTH,
      view: scope({ fencing: key({ by: "n3", state: "vetoed" }) }),
      ...remembering({}),
    }),
    FOLLOWS,
  ],
  [
    "so many runs of late are enough",
    fencer({ ...BOTH, view: scope({ fencing: key(null, WORN_OUT) }) }),
    FOLLOWS,
  ],
];

const OWNED: readonly Row[] = [
  [
    "a leader that lives has its time to object",
    fencer({ ...CLAIMED, ...remembering({ seenMs: 600, claimedMs: 601 }) }),
    ["R990", "wait veto_awaited"],
  ],
  [
    "then the command runs",
    fencer(CLAIMED),
    ["R980", "fence leader_suspected"],
  ],
  [
    "but not on an old view",
    fencer({
      ...CLAIMED,
      pledge: { ...ABLE, sound: SILENT, isViewFresh: false },
    }),
    ["R970", "look_afresh fencing_due"],
  ],
  [
    "nor against a leader that is heard again",
    fencer({ ...CLAIMED, pledge: { ...ABLE, sound: HEARD } }),
    ["R975", "write_fencing withdrawn"],
  ],
  [
    "nor in pause",
    fencer({ ...CLAIMED, settings: { ...SETTINGS, isPaused: true } }),
    ["R975", "write_fencing withdrawn"],
  ],
  [
    "a claim that has stood for long is made anew before the command runs",
    fencer({
      ...CLAIMED,
      ...remembering({ seenMs: 5_700, claimedMs: 5_701 }),
    }),
    ["R975", "write_fencing leader_suspected"],
  ],
  [
    "one of an earlier life is made anew as the next attempt",
    fencer({ ...CLAIMED, ...remembering({}) }),
    ["R975", "write_fencing attempt_failed"],
  ],
  [
    "one that the leader objected to is let go",
    fencer({
      view: scope({ fencing: key({ state: "vetoed" }) }),
      ...remembering({ claimedMs: 1_000 }),
    }),
    ["R975", "write_fencing vetoed"],
  ],
  [
    "a command that runs under it is ended first",
    fencer({
      view: scope({ fencing: key({ state: "vetoed" }) }),
      ...remembering({ claimedMs: 1_000 }),
      ...running(TASK),
    }),
    ["R047", "cancel_task vetoed"],
  ],
  [
    "one that somebody took away is over",
    fencer({
      view: scope({ fencing: key(null) }),
      ...remembering({ claimedMs: 1_000 }),
    }),
    ["R968", "rest_suspicion vetoed"],
  ],
  [
    "an old view does not say that it was taken away",
    fencer({
      view: scope({ fencing: key(null) }),
      ...remembering({ claimedMs: 1_000 }),
      pledge: { ...ABLE, sound: SILENT, isViewFresh: false },
    }),
    ["R970", "look_afresh fencing_due"],
  ],
  [
    "while it runs nothing else is done",
    fencer({ ...CLAIMED, ...running(TASK) }),
    ["R060", "wait task_in_progress"],
  ],
  [
    "it is ended when nobody leads any more",
    fencer({ view: scope({ leader: null }), ...running(TASK) }),
    ["R047", "cancel_task term_over"],
  ],
  [
    "and when the leader is back in another term",
    fencer({
      view: scope({
        leader: { name: "n1", isHeld: false, revision: revision(11) },
      }),
      ...running(TASK),
    }),
    ["R047", "cancel_task term_over"],
  ],
  [
    "that the host is off is written down first",
    fencer({ ...CLAIMED, ...ended({}) }),
    ["R975", "write_fencing host_fenced"],
  ],
  [
    "even if the leader was heard until then",
    fencer({ ...CLAIMED, ...ended({}), pledge: { ...ABLE, sound: HEARD } }),
    ["R975", "write_fencing host_fenced"],
  ],
  [
    "what was run under another claim proves nothing",
    fencer({
      ...CLAIMED,
      ...remembering({
        claimedMs: 1_001,
        last: outcome({ ...TASK, claim: revision("f-0") }),
      }),
    }),
    ["R980", "fence leader_suspected"],
  ],
  [
    "a run that failed is repeated after a while",
    fencer({ ...CLAIMED, ...ended(FAILED) }),
    ["R990", "wait back_off"],
  ],
  [
    "under a claim for it",
    fencer({
      ...CLAIMED,
      ...ended({ ...FAILED, endedAt: moment(NOW - 1_000) }),
    }),
    ["R975", "write_fencing attempt_failed"],
  ],
  [
    "but not more often than it may be",
    fencer({
      ...CLAIMED,
      ...ended(FAILED),
      view: scope({ fencing: key({ attempt: 3 }) }),
    }),
    ["R975", "write_fencing given_up"],
  ],
  [
    "nor more often than the scope may see in an hour",
    fencer({
      ...CLAIMED,
      ...ended(FAILED),
      view: scope({ fencing: key({}, WORN_OUT.slice(1)) }),
    }),
    ["R975", "write_fencing given_up"],
  ],
];

testRows("FENCING", [...CLAIMS, ...OWNED]);
