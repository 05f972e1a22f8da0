/** The rows of who takes over what is fenced, of a leader that lives, and what decisions name. */
import assert from "node:assert/strict";
import {
  answer,
  leaderObservation,
  replica,
} from "../../../tests/helpers/builders.ts";
import {
  ABLE,
  HEARD,
  SILENT,
  TERM,
} from "../../../tests/helpers/pledge_builders.ts";
import {
  AHEAD,
  asked,
  NOFAILOVER,
  type Row,
  testRows,
} from "../../../tests/helpers/rule_table.ts";
import {
  AT,
  BOTH,
  CLAIM,
  CLAIMED,
  fencer,
  key,
  ORDERS,
  remembering,
  scope,
  SETTINGS,
  TASK,
} from "../../../tests/helpers/fencing_builders.ts";
import { lsn, revision } from "../base/units.ts";
import { decide } from "../decide.ts";

const FOLLOWS = ["R740", "wait following"] as const;
const RUN = { host: "n1", by: "n3", result: "failed" } as const;

const FENCED = { view: scope({ fencing: key({ state: "fenced" }) }) };

const TAKEN: readonly Row[] = [
  [
    "the positions are asked for again: the leader may have lived until then",
    fencer({ ...FENCED, ...remembering({ claimedMs: 5_000 }) }),
    ["R965", "ask_peers leader_fenced"],
  ],
  [
    "who wins the race takes the key",
    fencer({ ...FENCED, ...BOTH, ...remembering({ claimedMs: 5_000 }) }),
    ["R985", "take_fenced_lease leader_fenced"],
  ],
  [
    "on a fresh view only",
    fencer({
      ...FENCED,
      ...BOTH,
      pledge: { ...ABLE, sound: SILENT, isViewFresh: false },
    }),
    ["R970", "look_afresh fencing_due"],
  ],
  [
    "also who has no command, and whoever claimed",
    fencer({
      ...BOTH,
      view: scope({ fencing: key({ by: "n3", state: "fenced" }) }),
      fencing: null,
      pledge: ABLE,
    }),
    ["R985", "take_fenced_lease leader_fenced"],
  ],
  [
    "who has less waits for who has more",
    fencer({ ...FENCED, ...asked(answer("n3", { position: AHEAD })) }),
    ["R990", "wait peer_ahead"],
  ],
  [
    "who lags too far does not take it",
    fencer({
      ...BOTH,
      view: scope({
        fencing: key({ state: "fenced" }),
        status: { leaderLsn: lsn(1n << 30n), slots: null, retainSlots: null },
      }),
    }),
    ["R990", "wait lag_exceeds_maximum"],
  ],
  [
    "who never leads does not",
    fencer({ ...FENCED, ...BOTH, tags: NOFAILOVER }),
    FOLLOWS,
  ],
  [
    "in pause nobody does",
    fencer({
      ...FENCED,
      ...BOTH,
      settings: { ...SETTINGS, isPaused: true },
    }),
    FOLLOWS,
  ],
  [
    "nor for a term that is over",
    fencer({
      ...BOTH,
      view: scope({ fencing: key({ state: "fenced", term: revision(9) }) }),
      pledge: { ...ABLE, sound: HEARD },
    }),
    FOLLOWS,
  ],
];

const LIVING: readonly Row[] = [
  [
    "a leader that lives objects",
    leaderObservation({ view: scope({ fencing: key({}) }) }),
    ["R411", "write_fencing leader_lives"],
  ],
  [
    "also to what says that its host is off",
    leaderObservation({ view: scope({ fencing: key({ state: "fenced" }) }) }),
    ["R411", "write_fencing leader_lives"],
  ],
  [
    "a claim that was given up is nothing to it",
    leaderObservation({ view: scope({ fencing: key({ state: "failed" }) }) }),
    ["R590", "wait leading"],
  ],
  [
    "nor one that it objected to",
    leaderObservation({ view: scope({ fencing: key({ state: "vetoed" }) }) }),
    ["R590", "wait leading"],
  ],
  [
    "nor one against a term before",
    leaderObservation({
      view: scope({ fencing: key({ term: revision(9) }) }),
    }),
    ["R590", "wait leading"],
  ],
];

testRows("FENCING", TAKEN);
testRows("LEADER", LIVING);

Deno.test("decide() names in a claim whom, in which term, and under which configuration", () => {
  const past = [{ ...RUN, atMs: 7 }];
  const o = fencer({ ...BOTH, view: scope({ fencing: key(null, past) }) });
  const { decision } = decide(o);
  assert.deepEqual(decision, {
    kind: "write_fencing",
    reason: "leader_suspected",
    write: {
      claim: CLAIM,
      past,
      guard: AT,
      term: TERM,
      configRevision: revision(2),
    },
  });
});

Deno.test("decide() keeps what became of a claim whose owner is silent", () => {
  const { decision } = decide(fencer({
    ...BOTH,
    view: scope({ fencing: key({ by: "n3" }) }),
    ...remembering({ seenMs: 40_000 }),
  }));
  assert.deepEqual(
    decision.kind === "write_fencing" ? decision.write.past : null,
    [{ host: "n1", by: "n3", atMs: 1_800_000_000_000, result: "unknown" }],
  );
});

Deno.test("decide() names in the take everything that it rests on", () => {
  const { decision } = decide(fencer({ ...FENCED, ...BOTH }));
  assert.deepEqual(decision, {
    kind: "take_fenced_lease",
    reason: "leader_fenced",
    take: {
      ...{ leader: "n2", host: "n1", term: TERM, syncRevision: null },
      ...{ configRevision: revision(2), fencing: AT, past: [] },
    },
  });
});

Deno.test("decide() runs the command against the leader of the term, at its address", () => {
  const { decision } = decide(fencer(CLAIMED));
  assert.deepEqual(
    decision.kind === "start_task" ? decision.task : null,
    TASK,
  );
});

Deno.test("decide() never writes or runs anything where the leader is this member", () => {
  const o = leaderObservation({
    ...{ view: scope(), settings: SETTINGS, fencing: ORDERS },
    pledge: { ...ABLE, sound: SILENT },
    postgres: replica(),
  });
  const { decision } = decide(o);
  assert.notEqual(decision.kind, "write_fencing");
});
