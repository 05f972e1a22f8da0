/** The rows of a voter whose leader seems to be lost, and of a leader that is not. */
import assert from "node:assert/strict";
import {
  leaderObservation,
  member,
  NOW,
  observation,
  primary,
  replica,
  sender,
  stopped,
  unlocked,
} from "../../../tests/helpers/builders.ts";
import {
  ABLE,
  emptied,
  HEARD,
  remembered,
  SILENT,
  standing,
  TAKEOVER_ON,
  TERM,
  voters,
} from "../../../tests/helpers/pledge_builders.ts";
import {
  AHEAD,
  MEMORY,
  NOFAILOVER,
  type Row,
  testRows,
} from "../../../tests/helpers/rule_table.ts";
import { moment, revision } from "../base/units.ts";
import { decide } from "../decide.ts";
import type { Observation } from "../model/observation.ts";
import type { PledgeView } from "../model/pledge_view.ts";

const PLEDGED = { kind: "pledged", term: TERM } as const;
const END = { timeline: 1, lsn: AHEAD } as const;

function voter(
  pledge: Partial<PledgeView>,
  changes: Parameters<typeof observation>[0] = {},
): Observation {
  return observation({
    view: voters(),
    ...TAKEOVER_ON,
    pledge: { ...ABLE, sound: SILENT, ...pledge },
    ...changes,
  });
}

const BOTH = [standing("n2", AHEAD), standing("n3")];
const HOLDS = { record: PLEDGED, source: "closed", position: END } as const;

function taker(
  changes: Parameters<typeof observation>[0] = {},
  agoMs = 700,
): Observation {
  return voter(HOLDS, {
    view: voters({ pledges: BOTH }),
    ...remembered(BOTH, agoMs),
    ...changes,
  });
}

const VOTER: readonly Row[] = [
  [
    "a leader that is heard is followed",
    voter({ sound: HEARD }),
    ["R740", "wait following"],
  ],
  [
    "without the setting nobody pledges",
    voter({}, { settings: { ...TAKEOVER_ON.settings, takeover: null } }),
    ["R740", "wait following"],
  ],
  [
    "in pause nobody pledges",
    voter({}, { settings: { ...TAKEOVER_ON.settings, isPaused: true } }),
    ["R740", "wait following"],
  ],
  [
    "who does not vote does not pledge",
    voter({}, {
      view: voters({ sync: { ...voters().sync, standbys: ["n3"] } }),
    }),
    ["R740", "wait following"],
  ],
  [
    "beside a voter that cannot pledge nobody does",
    voter({}, {
      view: voters({
        members: [...voters().members.slice(0, 2), member("n3")],
      }),
    }),
    ["R740", "wait following"],
  ],
  [
    "who agreed to a leader in failsafe mode keeps to that",
    voter({ hasConsented: true }),
    ["R740", "wait following"],
  ],
  [
    "whose WAL may have left the leader's line does not pledge",
    voter({}, { memory: { ...MEMORY, divergence: "suspected" } }),
    ["R690", "trust_timeline not_diverged"],
  ],
  [
    "nor while it does not stream",
    voter({}, {
      memory: { ...MEMORY, divergence: "suspected" },
      postgres: replica({ isStreaming: false }),
    }),
    ["R700", "ask_upstream divergence_suspected"],
  ],
  [
    "a store that may forget carries no pledge",
    voter({ storeObstacle: "store_may_forget" }),
    ["R740", "wait following"],
  ],
  [
    "the record comes first",
    voter({}),
    ["R920", "write_pledge_record leader_suspected"],
  ],
  [
    "a record is judged by a fresh view",
    voter({ record: PLEDGED, isViewFresh: false }),
    ["R910", "look_afresh pledge_stands"],
  ],
  [
    "then the source is closed",
    voter({ record: PLEDGED }),
    ["R940", "close_source leader_suspected"],
  ],
  [
    "a position that is not known is asked for again",
    voter({ record: PLEDGED, source: "closed" }),
    ["R940", "close_source leader_suspected"],
  ],
  [
    "who pledged and is down starts without upstream",
    voter({ record: PLEDGED }, { postgres: stopped({ isStandby: true }) }),
    ["R930", "start standby instance_down"],
  ],
  [
    "then the entry is written",
    voter(HOLDS),
    ["R950", "write_pledge leader_suspected"],
  ],
  [
    "one of two is not enough",
    voter(HOLDS, { view: voters({ pledges: [standing("n2", AHEAD)] }) }),
    ["R960", "wait pledge_stands"],
  ],
  [
    "the leader has its time to object",
    taker({}, 699),
    ["R960", "wait veto_awaited"],
  ],
  ["the highest takes over", taker(), ["R960", "take_lease leader_lost"]],
  [
    "another one leaves it to the highest",
    voter(HOLDS, {
      view: voters({ pledges: [standing("n2"), standing("n3", AHEAD)] }),
    }),
    ["R960", "wait pledge_stands"],
  ],
  [
    "who must not lead does not take over",
    taker({ tags: NOFAILOVER }),
    ["R960", "wait nofailover"],
  ],
  [
    "whose watchdog failed does not take over",
    taker({
      memory: { ...remembered(BOTH, 700).memory, hasWatchdogFailed: true },
    }),
    ["R960", "wait watchdog_failed"],
  ],
  [
    "whose script forbade it does not take over",
    taker({
      memory: { ...remembered(BOTH, 700).memory, prePromoteFailedAt: NOW },
    }),
    ["R960", "wait pre_promote_failed"],
  ],
  [
    "whom the failsafe map leaves out does not take over",
    taker({
      view: voters({ pledges: BOTH, failsafe: { n1: "a", n3: "b" } }),
      settings: { ...TAKEOVER_ON.settings, isFailsafeMode: true },
    }),
    ["R960", "wait not_in_failsafe_map"],
  ],
  [
    "the leader is heard again: the entry goes first",
    voter({ ...HOLDS, sound: HEARD }, { view: voters({ pledges: BOTH }) }),
    ["R950", "write_pledge withdrawn"],
  ],
  [
    "then the record",
    voter({
      ...HOLDS,
      sound: HEARD,
      written: { kind: "sent", guard: revision("r-n2") },
    }, { view: voters({ pledges: [emptied("n2")] }) }),
    ["R920", "write_pledge_record withdrawn"],
  ],
  [
    "a veto ends a pledge",
    voter({ ...HOLDS, written: { kind: "sent", guard: null } }, {
      view: voters({ pledges: [emptied("n2")] }),
    }),
    ["R920", "write_pledge_record vetoed"],
  ],
  [
    "after a veto the leader is left alone for a while",
    voter({}, {
      memory: {
        ...MEMORY,
        takeover: {
          ...MEMORY.takeover,
          vetoes: { count: 1, lastAt: moment(NOW - 1_499) },
        },
      },
    }),
    ["R740", "wait following"],
  ],
  [
    "a pledge of another term is forgotten",
    voter({ record: { kind: "pledged", term: revision(9) } }),
    ["R920", "write_pledge_record term_over"],
  ],
  [
    "without a record whatever was promised is taken back",
    voter({ record: { kind: "missing" } }),
    ["R950", "write_pledge record_missing"],
  ],
  [
    "who has caught up may pledge again",
    voter({ record: { kind: "behind" } }),
    ["R920", "write_pledge_record caught_up"],
  ],
  [
    "whose data was replaced since then may not",
    voter({ record: { kind: "behind" } }, {
      postgres: stopped({ isStandby: true }),
    }),
    ["R710", "start standby instance_down"],
  ],
  [
    "who does not stream may not",
    voter({ record: { kind: "behind" } }, {
      postgres: replica({ isStreaming: false }),
    }),
    ["R740", "wait following"],
  ],
  [
    "who has not follows",
    voter({ record: { kind: "behind" }, isCaughtUp: false }),
    ["R740", "wait following"],
  ],
  [
    "whatever was promised, only the leader may be writable",
    voter({ record: PLEDGED }, { postgres: primary() }),
    ["R610", "demote immediate_nolock not_leader"],
  ],
  [
    "when nobody leads there is a race as ever",
    voter(HOLDS, { view: unlocked({ pledges: BOTH }) }),
    ["R330", "ask_peers no_leader"],
  ],
];

testRows("TAKEOVER", VOTER);

const LEADER: readonly Row[] = [
  [
    "a leader that lives objects",
    leaderObservation({
      ...TAKEOVER_ON,
      view: voters({ pledges: BOTH }),
      pledge: ABLE,
    }),
    ["R412", "veto_pledges leader_lives"],
  ],
  [
    "one whose PostgreSQL is down does not",
    leaderObservation({
      ...TAKEOVER_ON,
      view: voters({ pledges: BOTH }),
      pledge: ABLE,
      postgres: stopped(),
    }),
    ["R450", "start primary crashed_primary"],
  ],
  [
    "what it promised before it led is over",
    leaderObservation({
      ...TAKEOVER_ON,
      view: voters(),
      pledge: { ...ABLE, record: { kind: "pledged", term: revision(9) } },
    }),
    ["R413", "write_pledge_record term_over"],
  ],
  [
    "its voters stay while they may come back",
    leaderObservation({
      ...TAKEOVER_ON,
      view: voters(),
      pledge: ABLE,
      postgres: primary({ walSenders: [] }),
      memory: {
        ...MEMORY,
        role: "primary",
        takeover: {
          ...MEMORY.takeover,
          term: TERM,
          stoodAt: moment(NOW - 2_699),
        },
      },
    }),
    ["R590", "wait leading"],
  ],
  [
    "and not longer",
    leaderObservation({
      ...TAKEOVER_ON,
      view: voters(),
      pledge: ABLE,
      postgres: primary({
        synchronousStandbyNames: 'ANY 1 ("n2","n3")',
        walSenders: [sender("n3", { syncState: "quorum" })],
      }),
      memory: {
        ...MEMORY,
        role: "primary",
        takeover: {
          ...MEMORY.takeover,
          term: TERM,
          stoodAt: moment(NOW - 2_700),
        },
      },
    }),
    ["R580", "set_synchronous_standbys synchronous_standbys_changed"],
  ],
];

testRows("LEADER", LEADER);

Deno.test("decide() promotes whoever took over without counting votes again", () => {
  const own = { name: "n2", isHeld: true, revision: revision(11) };
  const { sync } = voters();
  const view = voters({
    leader: own,
    pledges: BOTH,
    sync: { ...sync, leader: "n2", standbys: ["n1", "n3"] },
  });
  const { lease } = leaderObservation();
  const taken = (term: number) =>
    voter(HOLDS, {
      ...{ view, lease },
      postgres: replica({
        synchronousStandbyNames: 'ANY 1 ("n1","n3")',
        isStreaming: false,
      }),
      memory: {
        ...MEMORY,
        takeover: { ...MEMORY.takeover, takenTerm: revision(term) },
      },
    });
  assert.equal(decide(taken(11)).rule, "R493");
  assert.equal(decide(taken(9)).rule, "R488");
});

Deno.test("decide() names in a takeover everything that it rests on", () => {
  const { decision } = decide(taker());
  assert.ok(decision.kind === "take_lease");
  assert.deepEqual(decision.take, {
    leader: "n2",
    term: TERM,
    syncRevision: revision(5),
    configRevision: revision(2),
    pledges: [
      { name: "n2", revision: revision("r-n2") },
      { name: "n3", revision: revision("r-n3") },
    ],
    sync: { quorum: 1, standbys: ["n1", "n3"] },
  });
});

Deno.test("decide() lets equals take over one after the other", () => {
  const equal = [standing("n2"), standing("n3")];
  const late = (self: string, agoMs: number, priority = 1) =>
    decide(voter(HOLDS, {
      self,
      view: voters({
        pledges: equal,
        members: voters().members.map((each) =>
          each.name === "n3"
            ? { ...each, tags: { ...each.tags, failoverPriority: priority } }
            : each
        ),
      }),
      ...remembered(equal, agoMs),
    })).decision.kind;
  assert.equal(late("n2", 700), "take_lease");
  assert.equal(late("n3", 999), "wait");
  assert.equal(late("n3", 1_000), "take_lease");
  assert.equal(late("n3", 700, 2), "take_lease");
  assert.equal(late("n2", 700, 2), "wait");
});
